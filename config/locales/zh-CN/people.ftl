# 管理、对账单和隐私。金额为点数，时间为 UTC。

mod-queue-title = 本群有 { $count } 个任务在进行：
mod-queue-empty = 本群没有排队或绘制中的任务。
mod-queue-line =
    { $job } · { $owner } · { $status }{ $position ->
        [0] {""}
       *[other] {" "}#{ $position }
    } · { $prompt }
mod-moved = 任务 { $job } 现在排在第 { $position } 位。
mod-held = 任务 { $job } 已暂停，用“/mod release { $job }”恢复排队。
mod-released = 任务 { $job } 重新排队。
mod-clear-ask = 这会取消本群所有还没开始的任务，预留的点数退还给付款方。
mod-cleared =
    { $jobs ->
        [0] 没有排队的任务。
       *[other] 已取消 { $jobs } 个任务，没有扣点。
    }
mod-paused = 在“/mod resume”之前不再开始新任务；运行中的继续，排队的保留。
mod-resumed = 已恢复运行。

mod-banned =
    { $person } { $has-seconds ->
        [yes] 在 { DURATION($seconds) } 内
       *[no] 在“/mod unban”之前
    }不能在{ $everywhere ->
        [yes] 任何地方
       *[no] 本群
    }请求绘图。{ $has-reason ->
        [yes] 原因：{ $reason }
       *[no] {""}
    }
mod-unbanned = { $person } 可以重新请求绘图。
mod-not-banned = { $person } 在这里没有被封禁。
mod-bans-title = { $count } 条封禁：
mod-bans-empty = 这里没有人被封禁。
mod-bans-line =
    { $person }{ $everywhere ->
        [yes] （所有地方）
       *[no] {""}
    } · { $has-until ->
        [yes] 到 { $until }
       *[no] 直到解除
    } · { $reason }

mod-granted = 已从本群钱包给 { $person } 拨 { $credits } 点。
mod-allowed =
    { $has-credits ->
        [yes] 本群代付时，{ $person } 每期可用 { $credits } 点。
       *[no] { $person } 恢复按本群规定。
    }
mod-limits =
    { $has-credits ->
        [yes] 从下一期起，{ $person } 每期获得 { $credits } 点。
       *[no] 从下一期起，{ $person } 按设置获得点数。
    }
mod-minted = { $person } 增加了 { $credits } 点。
mod-refunded = 任务 { $job } 已补偿，退回 { $credits } 点。
mod-nothing-to-refund = 任务 { $job } 没有可退的：没有扣点、还在进行、已经补偿过，或由本群付款。

mod-policy-title = 本群的规定；用“/mod policy 项目 值”修改，none 表示不设：
mod-policy-line =
    { $field } { $value }{ $has-expected ->
        [yes] （{ $expected }）
       *[no] {""}
    }
mod-policy-words =
    { $count ->
        [0] 本群没有自己的禁用词，用“/mod words”添加。
       *[other] 本群有 { $count } 个自己的禁用词，用“/mod words”查看。
    }

mod-audit-title = 最近 { $count } 条管理记录：
mod-audit-empty = 这里还没有管理记录。
mod-audit-line =
    { $at } · { $actor } · { $action } · { $target }{ $has-detail ->
        [yes] {" "}· { $detail }
       *[no] {""}
    }

statement-title = 你的点数，最新的在前：
statement-empty = 你的对账单还没有记录。
wallet-title = 本群的点数，最新的在前：
wallet-empty = 本群钱包还没有记录。
statement-line =
    { $at } · { $movement ->
        [grant] 定期发放
        [mint] 运营者发放
        [transfer] 转账
        [hold] 预留给
        [charge] 扣除 { $charged } 点
        [release] 取消预留
       *[refund] 退款
    }{ $has-job ->
        [yes] {" "}{ $job }
       *[no] {""}
    } · { $amount } → { $balance }
statement-older = 更早的：{ $before } 之前

privacy-exported =
    这里是关于你的一切，含 { $pictures } 张图片。{ $left_out ->
        [0] {""}
       *[other] {" "}有 { $left_out } 张较早的放不下，可以向运营者索取。
    }{ $missing ->
        [0] {""}
       *[other] {" "}有 { $missing } 张已不再保存。
    }
privacy-forget-ask =
    { $own ->
        [yes] 这会取消你的任务，并永久删除你的图片、提示词、设置和身份；得到的点数也会失去。已发到聊天里的内容要在那里删除。
       *[no] 这会永久删除 { $person } 的图片、提示词、设置、身份和点数。
    }
privacy-forgotten = 完成：已忘记 { $jobs } 个任务和 { $pictures } 张图片。之前的备份在删除前仍会包含它们。
