# 一个任务的唯一消息，从排队到结果。秒数为 -1 表示未知。

job-queued =
    ⏳ 排队中，第 { $position } 位，共 { $length } 个{ $seconds ->
        [-1] {""}
       *[other] {" "}· 预计 { DURATION($seconds) }后完成
    }
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
        [nothing-can-run] 已经没有端点能运行它。
       *[other] 我们这边出了问题。
    }

accepted =
    { $jobs ->
        [1] 已排队：{ $pictures } 张图
       *[other] 已排队：{ $jobs } 个任务，{ $pictures } 张图
    }，最多 { $credits } 点。
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
