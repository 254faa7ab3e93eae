# 一个人在多个平台上的账号。

command-link = /link [代码] — { command-link.summary }
    .summary = 合并你在多个平台上的账号：同一份余额，同一份历史
command-unlink = /unlink — { command-unlink.summary }
    .summary = 把这个账号与其他账号分开
option-code = 另一个平台显示给你的代码

link-code = 🔗 { $code } — 请在 { $minutes } 分钟内，在另一个平台上对 Atelier 发送“/link { $code }”。只能用一次。不要告诉别人：拿到它的人就会变成你。
link-known = 已经合并：{ $accounts }
link-ask = 这会把你在这里的账号与 { $accounts } 合并：余额、历史、收藏、偏好和封禁都合为一体。只有两个账号都是你的，才可以继续。
link-done = 🔗 已与 { $accounts } 合并。你的余额和历史现在是同一份。
unlink-ask = 这会把你的 { $platform } 账号与其他账号分开：它重新开始，没有历史，下次发放时才有新的积分。现有的一切都留在其他账号里。
unlink-done = 已分开。这个账号又是独立的一个人了。
error-link-refused =
    { $reason ->
        [unknown] 没有这个代码了：代码只能用一次，十分钟内有效。在另一个平台上用“link”可以得到新的。
        [tries] 已经输错 { $limit } 次。请一小时后再试。
        [own] 这是你自己的代码：请在另一个平台上发给 Atelier。
        [platform] 两个账号在同一个平台上；只有不同平台的账号才能合并。
        [busy] 两个账号都有未完成的任务。等其中一个的任务完成后再试。
       *[alone] 这个账号没有与其他账号合并。
    }
