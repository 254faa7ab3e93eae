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
