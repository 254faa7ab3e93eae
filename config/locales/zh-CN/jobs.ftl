# 一个任务的唯一消息，从排队到结果。秒数为 -1 表示未知。

job-queued =
    ⏳ 排队中，第 { $position } 位，共 { $length } 个{ $seconds ->
        [-1] {""}
       *[other] {" "}· 预计 { DURATION($seconds) }后完成
    }
job-held = ⏸️ 管理员暂时扣住了这个任务，内容不会丢失。
job-paused = ⏸️ 排队第 { $position } 位，共 { $length } 个 · 画室已暂停
why-held = 管理员扣住了它，所以在等待。
why-paused =
    画室已暂停，所以在等待{ $has-reason ->
        [yes] ：{ $reason }
       *[no] 。
    }
why-endpoint-away = 它在等一台能画它的机器，现在没有这样的机器在线。
why-at-cap = 你有 { $running } 张图正在绘制；每人最多同时绘制 { $limit } 张。
why-others = 前面还有另外 { $people } 人的 { $pictures } 张图。
why-own = 前面还有你自己的 { $jobs } 个任务。
why-next = 前面没有别的任务：机器一有空就轮到它。
job-loading = 🔧 正在加载模型
job-running = 🎨 { $percent } % { $bar } { $step }/{ $steps }
job-uploading = ☁️ 正在上传
job-result =
    { $prompt } — { $has-owner ->
        [yes] { $owner } ·{" "}
       *[no] {""}
    }{ DURATION($seconds) } · { $has-endpoint ->
        [yes] { $endpoint } ·{" "}
       *[no] {""}
    }{ $credits } 点
job-partly =
    ⚠️ { $count } 张图中少了 { $missing } 张。{ failure }相应点数已退回。
job-failed = ❌ { failure }点数已退回。
job-elsewhere = 📮 发到这里，是因为发不到原来的聊天：{ failure }
job-smaller =
    { $form ->
        [webp] 🗜️ 以无损 WebP 发送：PNG 超过了这个聊天的上限（{ $limit } MiB）。
        [jpeg] 🗜️ 以 JPEG 发送：无损格式超过了这个聊天的上限（{ $limit } MiB）。
       *[none] ⚠️ { $name } 超过了这个聊天的上限（{ $limit } MiB）。
    }
job-picture-gone = 🗑️ { $name } 已不再保存。
job-pictures-gone = 🗑️ 这个任务的图片已不再保存。
job-ready = { $has-owner ->
        [yes] { $owner }，你的
       *[no] 你的
    }图片好了。
job-cancelled = 🚫 已取消。没有画的部分不收点数。
cancelled = 任务 { $job } 已取消。没有画的部分不收点数。

# $reason 是错误代码。
failure =
    { $reason ->
        [endpoint-lost] 联系不上正在画它的机器。
        [endpoint-busy] 所有机器一直都满。
        [endpoint-full] 正在画它的机器磁盘满了。
        [out-of-memory] 显存放不下，请用更小的 --size 或更少的张数（--n）。
        [graph-rejected] 机器拒绝了这个工作流。
        [execution-failed] 工作流中有一步失败了。
        [interrupted] 有人在正在画它的机器上中止了它。
        [attempt-unknown] 正在画它的机器丢失了这个任务。
        [attempt-timeout] 太久没有进展，已经放弃。
        [output-missing] 运行结束了，却没有图片。
        [disk-full] 画室的磁盘满了。
        [blob-missing] 原图已经不在了。
        [chat-gone] 联系不上聊天。
        [not-permitted] Atelier 不再能在聊天里发消息。
        [recipient-blocked] Atelier 不能给你发私信。
        [message-too-large] 图片太大，聊天发不了。
        [delivery-expired] 一整天都联系不上聊天。
        [unsafe] 检查没有让这张图在这里展示。
        [expired] 它等得太久，一直没有轮到。
        [nothing-can-run] 已经没有端点能运行它。
       *[other] 我们这边出了问题。
    }

accepted =
    { $jobs ->
        [1] 已排队：{ $pictures } 张图
       *[other] 已排队：{ $jobs } 个任务，{ $pictures } 张图
    }，最多 { $credits } 点。
passed-over =
    内置模型只认识简单的英文场景词，跳过了：{ $words }{ $more ->
        [0] {""}
       *[other] {" "}等，另有 { $more } 个
    }。添加模型文件后能画更多：见 docs/models.md。
quote =
    { $jobs ->
        [1] 这会生成 { $pictures } 张图
       *[other] 这会生成 { $jobs } 个任务，共 { $pictures } 张图
    }（约 { $credits } 点{ $seconds ->
        [-1] {""}
       *[other] ，约 { DURATION($seconds) }
    }）。
quote-ask = 继续吗？

queue-title = 你有 { $count } 个任务在进行：
queue-empty = 你没有进行中的任务。
history-title = 你最近的 { $count } 个任务：
history-empty = 你还没有画过图。
job-line =
    { $job } · { $status ->
        [held] 待审核
        [queued] 排队中{ $position ->
            [0] {""}
           *[other] ，第 { $position } 位
        }{ $seconds ->
            [-1] {""}
           *[other] （预计 { DURATION($seconds) }后完成）
        }
        [running] 绘制中{ $seconds ->
            [-1] {""}
           *[other] （预计 { DURATION($seconds) }后完成）
        }
        [delivering] 正在发送
        [done] 已完成
        [failed] 失败
        [cancelled] 已取消
        [refused] 被拒绝
       *[expired] 已过期
    } · { $prompt }

info-community =
    本群代付：群钱包还有 { $available } 点，你本期已用 { $used } 点{ $has-limit ->
        [yes] ，上限 { $limit } 点
       *[no] {""}
    }。在别处由你自己付：
info =
    你还有 { $available } 点，另有 { $held } 点为进行中的任务预留。每期发放 { $grant } 点，{ $hours ->
        [0] 一小时内
       *[other] { $hours } 小时后
    }再次发放。任务：{ $queued } 个排队，{ $running } 个绘制中。

models-title = { $count } 个模型：
models-empty = 现在没有端点提供模型。
templates-title = { $count } 个模板：
template-line = { $name } — { $title }（{ $slots }）
name-line = { $name }

duration-seconds = { $seconds } 秒
duration-minutes =
    { $seconds ->
        [0] { $minutes } 分钟
       *[other] { $minutes } 分 { $seconds } 秒
    }
duration-hours =
    { $minutes ->
        [0] { $hours } 小时
       *[other] { $hours } 小时 { $minutes } 分
    }
duration-days =
    { $hours ->
        [0] { $days } 天
       *[other] { $days } 天 { $hours } 小时
    }
