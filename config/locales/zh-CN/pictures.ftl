# 对图片的操作：按钮、表单和回应。$index 是第几张，只有一张时为 0。

action-upscale =
    { $index ->
        [0] 放大 2×
       *[other] U{ $index }
    }
action-vary-subtle =
    { $index ->
        [0] 微调变化
       *[other] 微调变化 { $index }
    }
action-vary-strong =
    { $index ->
        [0] 大幅变化
       *[other] V{ $index }
    }
action-zoom-out =
    { $index ->
        [0] 拉远
       *[other] 拉远 { $index }
    }
action-pan-left =
    { $index ->
        [0] 向左扩展
       *[other] 向左扩展 { $index }
    }
action-pan-right =
    { $index ->
        [0] 向右扩展
       *[other] 向右扩展 { $index }
    }
action-pan-up =
    { $index ->
        [0] 向上扩展
       *[other] 向上扩展 { $index }
    }
action-pan-down =
    { $index ->
        [0] 向下扩展
       *[other] 向下扩展 { $index }
    }
action-square =
    { $index ->
        [0] 扩成方形
       *[other] 扩成方形 { $index }
    }
action-use-as-input =
    { $index ->
        [0] 用作原图
       *[other] 用作原图 { $index }
    }
action-reroll = 再来一次
action-remix = 重写
action-tweak = 调整
action-favourite =
    { $index ->
        [0] 收藏
       *[other] 收藏 { $index }
    }
action-unfavourite = 取消收藏
action-info =
    { $index ->
        [0] 信息
       *[other] 信息 { $index }
    }
action-originals = 原图
action-album = 相册
action-show = 查看
action-older = 更早
action-report =
    { $index ->
        [0] 举报
       *[other] 举报 { $index }
    }
action-cancel = 取消
action-delete = 删除

error-picture-unavailable =
    { $why ->
        [running] 任务 { $value } 还在进行；“cancel”可以停止它。
        [none] 任务 { $value } 结束时没有图片。
        [deleted] 任务 { $value } 的图片已被删除。
        [withheld] 任务 { $value } 的图片在等待管理员审核，或已被管理员收回。
       *[old] 任务 { $value } 的原图或结果已不再保存。可以用“imagine”重新生成。
    }
error-unknown-picture = 任务 { $value } 共有 { $count } 张图；请说明是第几张（1 到 { $count }）。
error-picture-unfit =
    { $reason ->
        [pixels] 结果会是 { $size }，最多 { $limit }。请用更小的倍数。
        [ratio] 结果会是 { $size }，长宽比超过 { $limit }。
        [square] 这张图已经是方形。
       *[kind] 这不是静态图片，无法这样修改。
    }

error-no-conversation = 私密结果需要和你的私信对话，但 { $has-busy ->
        [yes] 现在过于繁忙，暂时无法打开。请一分钟后再试。
       *[no] Atelier 无法打开。请允许来自本服务器的私信，或直接私信 Atelier 再提出请求。
    }
accepted-private = 结果会以私信发给你，这里不会显示任何内容。
private-unreachable = { $has-owner ->
        [yes] { $owner }，你的
       *[no] 你的
    }私密结果无法送达：{ failure }点数已退回。

job-deleted =
    { $by ->
        [moderator] 🗑️ 管理员删除了这些图片。
       *[owner] 🗑️ 已删除。
    }
which-picture = 任务 { $job } 有 { $count } 张图。哪一张？
delete-ask = 这会永久删除任务 { $job } 的 { $pictures } 张图，这里和消息里都会删除。
deleted = 任务 { $job } 的图片已删除。
cancel-too-late = 任务 { $job } 已经结束，没有可取消的内容。
originals = 任务 { $job } 的 { $pictures } 张图：
favourite-kept = ⭐ 已收藏 { $job } 的第 { $number } 张；“history favourites”列出收藏。
favourite-let-go = { $job } 的第 { $number } 张已不在收藏中。
favourites-title = 你最近的 { $count } 个收藏：
favourites-empty = 你还没有收藏，或没有更早的。点图片上的 ⭐ 即可收藏。
favourite-line = ⭐ { $job }#{ $number } · { $prompt }

picture-title = 📋 { $job } · { $template }{ $has-model ->
        [yes] {" "}· { $model }
       *[no] {""}
    }
picture-prompt = { $prompt }
picture-negative = 不要：{ $negative }
picture-options = { $options }
picture-seed = 第 { $number } 张：--seed { $seed }
picture-size = { $width } × { $height } 像素，{ $kilobytes } KiB
picture-parent = 由 { $job }#{ $number } 生成
picture-cost =
    { $has-endpoint ->
        [yes] { $endpoint } ·{" "}
       *[no] {""}
    }{ DURATION($seconds) } · { $credits } 点 · { $at }
loras-title = { $count } 个 LoRA：
loras-empty = 没有端点提供 LoRA。
