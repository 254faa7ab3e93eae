# 需要有人看一眼的图片、举报、群内禁用词、端点，以及机器人的开场白。

command-report = /report 任务 [原因] — { command-report.summary }
    .summary = 把不该展示的图片告诉管理员
command-mod-inbox = /mod inbox — { command-mod-inbox.summary }
    .summary = 等待处理的图片：被扣留的和被举报的
command-mod-approve = /mod approve 任务 — { command-mod-approve.summary }
    .summary = 放行被扣留的图片
command-mod-spoiler = /mod spoiler 任务 — { command-mod-spoiler.summary }
    .summary = 放行被扣留的图片，但加遮罩
command-mod-reject = /mod reject 任务 [原因] — { command-mod-reject.summary }
    .summary = 删除被扣留的图片；退还点数并告知原因
command-mod-hide = /mod hide 任务 [原因] — { command-mod-hide.summary }
    .summary = 把被举报的图片从消息里撤下
command-mod-dismiss = /mod dismiss 任务 — { command-mod-dismiss.summary }
    .summary = 保留被举报的图片
command-mod-words = /mod words [list|add 词|remove 词] — { command-mod-words.summary }
    .summary = 除内置规则外，本群还拒绝哪些词
command-backend = /backend list|drain|enable — { command-backend.summary }
    .summary = 绘图的机器
command-backend-list = /backend list — { command-backend-list.summary }
    .summary = 有哪些机器，在做什么
command-backend-drain = /backend drain 名称 — { command-backend-drain.summary }
    .summary = 不再给它新任务，运行中的继续
command-backend-enable = /backend enable 名称 — { command-backend-enable.summary }
    .summary = 重新给它任务

option-change = list、add、remove，或 list、set、delete
option-phrase = 在这里会被拒绝的词；* 和 ? 代表字母
option-endpoint = 端点的名称

action-approve = 放行
action-spoiler = 加遮罩放行
action-reject = 拒绝
action-hide = 撤下
action-dismiss = 保留

inbox-title =
    有 { $count } 个任务等你处理{ $more ->
        [yes] ，后面还有
       *[no] {""}
    }：
inbox-empty = 没有等待处理的内容。
inbox-line =
    { $job } · { $owner } · { $kind ->
        [reported] 被 { $reports } 人举报{ $has-reason ->
            [yes] ：“{ $reason }”
           *[no] {""}
        }
       *[held] 已扣留：{ $reason ->
            [sexual] 成人内容
            [gore] 血腥内容
            [classifier] 分类器认为是成人内容
            [hook] 运营者自己的检查
            [unchecked] 无法检查
           *[other] { $reason }
        }
    } · { $prompt }
review-approved = 任务 { $job } 已放行，图片正在发送。
review-spoiler = 任务 { $job } 已加遮罩放行，图片正在发送。
review-rejected = 任务 { $job } 已拒绝：图片已删除，点数已退还，并已告知本人。
review-hidden = 任务 { $job } 的图片已从消息里撤下。
review-dismissed = 任务 { $job } 的举报已驳回。
review-decided = 任务 { $job } 已没有需要决定的内容，或者正在发送。
reported = 谢谢，管理员会查看任务 { $job }。
reported-before = 你已经举报过任务 { $job }，或者它已不再展示。
asked-moderator = 图片展示之前会先由管理员查看。
job-waits-for-moderator = 🔎 已画好，图片正等待管理员查看，不会丢失。
job-rejected =
    🚫 管理员没有放行这些图片{ $has-reason ->
        [yes] ：{ $reason }
       *[no] 。
    } 点数已退还。
job-not-reviewed = 🚫 一直没有人查看这些图片，所以已删除。点数已退还。
job-hidden =
    🚫 管理员撤下了这些图片{ $has-reason ->
        [yes] ：{ $reason }
       *[no] 。
    }

words-title = 本群拒绝 { $count } 个词：
words-empty = 本群没有自己的禁用词。用“/mod words add 词”添加；* 和 ? 代表字母。

backend-title = { $count } 个端点：
backend-line =
    { $endpoint } · { $state ->
        [ready] 就绪
        [drained] 已排空：不再接新任务
       *[away] 不在线
    } · { $running }/{ $slots } · ×{ $weight } · { $models } 个模型{ $has-problem ->
        [yes] {" "}· { $problem }
       *[no] {""}
    }
backend-drained = 在“/backend enable { $endpoint }”之前，{ $endpoint } 不再接新任务，重启后也一样；运行中的继续。
backend-drained-before = { $endpoint } 早已排空。
backend-enabled = { $endpoint } 重新接任务。
backend-enabled-before = { $endpoint } 并没有排空。
model-line =
    { $name }{ $has-family ->
        [yes] {" "}— { $family }
       *[no] {""}
    }

guide-title = 👋 你好！Atelier 用社群自己的机器，把文字画成图片。
guide-allow = 1. 请运营者把“{ $id }”加到设置的“allowlist”里并重启服务；在那之前这里不提供服务。
guide-allowed = 1. 这里已经可以用了：/imagine 黄色太阳下的红房子
guide-policy = 2. 管理员设定规则：/mod policy 列出全部。“/mod policy channels ID”只在一个频道绘图，“/mod policy nsfw hold|spoiler|refuse”决定如何处理成人内容。
guide-inbox = 3. 被扣留或被举报的图片在 /mod inbox 里。/help 列出所有命令，/settings 是每个人自己的设置。
