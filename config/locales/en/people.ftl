# Moderation, statements and privacy. Amounts are credits, moments UTC.

mod-queue-title =
    { $count ->
        [one] One job is on its way here:
       *[other] { $count } jobs are on their way here:
    }
mod-queue-empty = Nothing waits or runs here.
mod-queue-line =
    { $job } · { $owner } · { $status }{ $position ->
        [0] {""}
       *[other] {" "}#{ $position }
    } · { $prompt }
mod-moved = Job { $job } is #{ $position } now.
mod-held = Job { $job } is held. “/mod release { $job }” lets it wait for its turn again.
mod-released = Job { $job } waits for its turn again.
mod-clear-ask = This cancels everything that waits here and has not started. What was held for it returns to whoever paid.
mod-cleared =
    { $jobs ->
        [0] Nothing waited.
        [one] One job is cancelled; it cost nothing.
       *[other] { $jobs } jobs are cancelled; they cost nothing.
    }
mod-paused = Nothing new runs until “/mod resume”. What runs goes on, what waits stays in the queue.
mod-resumed = Work runs again.

mod-banned =
    { $person } may not ask for pictures { $everywhere ->
        [yes] anywhere
       *[no] here
    }{ $has-seconds ->
        [yes] {" "}for { DURATION($seconds) }
       *[no] , until “/mod unban”
    }.{ $has-reason ->
        [yes] {" "}Reason: { $reason }
       *[no] {""}
    }
mod-unbanned = { $person } may ask for pictures again.
mod-not-banned = { $person } is not banned here.
mod-bans-title =
    { $count ->
        [one] One ban:
       *[other] { $count } bans:
    }
mod-bans-empty = Nobody is banned here.
mod-bans-line =
    { $person }{ $everywhere ->
        [yes] {" "}(everywhere)
       *[no] {""}
    } · { $has-until ->
        [yes] until { $until }
       *[no] until it is lifted
    } · { $reason }

mod-granted = { $person } has { $credits } more credits, from this chat's wallet.
mod-allowed =
    { $has-credits ->
        [yes] { $person } may take { $credits } credits of this chat's wallet each period, where it pays.
       *[no] For { $person } this chat's policy holds again.
    }
mod-limits =
    { $has-credits ->
        [yes] { $person } is granted { $credits } credits each period, from the next one on.
       *[no] { $person } is granted what the settings say, from the next period on.
    }
mod-minted = { $person } has { $credits } more credits.
mod-refunded = Job { $job } is made good: { $credits } credits went back.
mod-nothing-to-refund = Job { $job } has nothing to give back: it cost nothing, is still on its way, was made good before, or this chat paid for it.

mod-policy-title = The policy here; “/mod policy FIELD VALUE” changes it, “none” takes a value away:
mod-policy-line =
    { $field } { $value }{ $has-expected ->
        [yes] {" "}({ $expected })
       *[no] {""}
    }
mod-policy-words =
    { $count ->
        [0] No words of this chat's own are refused; “/mod words” adds some.
        [one] One phrase of this chat's own is refused; “/mod words” shows it.
       *[other] { $count } phrases of this chat's own are refused; “/mod words” shows them.
    }

mod-audit-title =
    { $count ->
        [one] The newest line of the log:
       *[other] The newest { $count } lines of the log:
    }
mod-audit-empty = Nothing was done here with power yet.
mod-audit-line =
    { $at } · { $actor } · { $action } · { $target }{ $has-detail ->
        [yes] {" "}· { $detail }
       *[no] {""}
    }

statement-title = Your credits, the newest entry first:
statement-empty = There is nothing in your statement yet.
wallet-title = This chat's credits, the newest entry first:
wallet-empty = This chat's wallet has no entries yet.
statement-line =
    { $at } · { $movement ->
        [grant] grant
        [mint] given by an operator
        [transfer] transfer
        [hold] held for
        [charge] charged { $charged } for
        [release] released from
       *[refund] refunded for
    }{ $has-job ->
        [yes] {" "}{ $job }
       *[no] {""}
    } · { $amount } → { $balance }
statement-older = Older ones: before { $before }

privacy-exported =
    Everything that is kept about you, with { $pictures ->
        [one] one picture
       *[other] { $pictures } pictures
    }.{ $left_out ->
        [0] {""}
        [one] {" "}One older picture did not fit; the operators can hand it over.
       *[other] {" "}{ $left_out } older pictures did not fit; the operators can hand them over.
    }{ $missing ->
        [0] {""}
        [one] {" "}One picture is not kept any more.
       *[other] {" "}{ $missing } pictures are not kept any more.
    }
privacy-forget-ask =
    { $own ->
        [yes] This cancels your jobs and removes your pictures, prompts, settings and identities for good. Credits that you were given are lost. What was posted stays in the chats until it is deleted there.
       *[no] This removes { $person } for good: pictures, prompts, settings, identities and credits.
    }
privacy-forgotten =
    Done: { $jobs ->
        [one] one job
       *[other] { $jobs } jobs
    } and { $pictures ->
        [one] one picture
       *[other] { $pictures } pictures
    } are forgotten. Backups that were made before keep them until they are deleted.
