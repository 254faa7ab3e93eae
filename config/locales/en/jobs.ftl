# The one message of a job, from queue to result. Seconds of -1 mean that nobody knows.

job-queued =
    ⏳ Queued #{ $position } of { $length }{ $seconds ->
        [-1] {""}
       *[other] {" "}· ETA in { DURATION($seconds) }
    }
job-held = ⏸️ A moderator is holding this job. Nothing of it is lost.
job-paused = ⏸️ Queued #{ $position } of { $length } · the studio is paused
why-held = It waits because a moderator holds it.
why-paused =
    It waits because the studio is paused{ $has-reason ->
        [yes] : { $reason }
       *[no] .
    }
why-endpoint-away = It waits for a machine that can make it; none of those is there now.
why-at-cap =
    { $running ->
        [one] One picture of yours is being made; no more than { $limit } are made at once for one person.
       *[other] { $running } pictures of yours are being made; no more than { $limit } are made at once for one person.
    }
why-others =
    { $pictures ->
        [one] One picture of somebody else comes before it.
       *[other] { $pictures } pictures of { $people ->
            [one] another person
           *[other] { $people } other people
        } come before it.
    }
why-own =
    { $jobs ->
        [one] One job of your own comes before it.
       *[other] { $jobs } jobs of your own come before it.
    }
why-next = Nothing comes before it: it is next as soon as a machine has room.
job-loading = 🔧 Loading model
job-running = 🎨 { $percent } % { $bar } { $step }/{ $steps }
job-uploading = ☁️ Uploading
job-result =
    { $prompt } — { $has-owner ->
        [yes] { $owner } ·{" "}
       *[no] {""}
    }{ DURATION($seconds) } · { $has-endpoint ->
        [yes] { $endpoint } ·{" "}
       *[no] {""}
    }{ $credits } credits
job-partly =
    { $missing ->
        [one] ⚠️ One of { $count } pictures is missing.
       *[other] ⚠️ { $missing } of { $count } pictures are missing.
    } { failure } Their credits are back.
job-failed = ❌ { failure } The credits are back.
job-elsewhere = 📮 This comes here because it could not be posted in the chat: { failure }
job-smaller =
    { $form ->
        [webp] 🗜️ Sent as lossless WebP: as PNG it is larger than this chat takes ({ $limit } MiB).
        [jpeg] 🗜️ Sent as JPEG: without loss it is larger than this chat takes ({ $limit } MiB).
       *[none] ⚠️ { $name } is larger than this chat takes ({ $limit } MiB).
    }
job-picture-gone = 🗑️ { $name } is not kept any more.
job-pictures-gone = 🗑️ The pictures of this job are not kept any more.
job-ready = { $has-owner ->
        [yes] { $owner }, your
       *[no] Your
    } pictures are ready.
job-cancelled = 🚫 Cancelled. What was not made costs nothing.
cancelled = Job { $job } is cancelled. What was not made costs nothing.

# $reason is an error's code.
failure =
    { $reason ->
        [endpoint-lost] The machine that was making it could not be reached any more.
        [endpoint-busy] Every machine was full, again and again.
        [endpoint-full] The disk of the machine that was making it is full.
        [out-of-memory] It did not fit into the GPU's memory; a smaller --size or fewer pictures (--n) will.
        [graph-rejected] The machine refused the workflow.
        [execution-failed] A step of the workflow failed.
        [interrupted] Somebody stopped it on the machine that was making it.
        [attempt-unknown] The machine that was making it forgot it.
        [attempt-timeout] It took too long without making progress.
        [output-missing] It finished, but there was no picture.
        [disk-full] The studio's disk was full.
        [blob-missing] The picture it starts from is not there any more.
        [chat-gone] The chat could not be reached.
        [not-permitted] Atelier may no longer post in the chat.
        [recipient-blocked] Atelier may not write to you.
        [message-too-large] The picture is too large for the chat.
        [delivery-expired] The chat could not be reached for a whole day.
        [unsafe] A check did not let the picture be shown here.
        [expired] It waited too long without its turn coming.
        [nothing-can-run] Nothing could run it any more.
       *[other] Something went wrong on our side.
    }

accepted =
    { $jobs ->
        [one] Queued: { $pictures ->
            [one] one picture
           *[other] { $pictures } pictures
        }
       *[other] Queued: { $jobs } jobs, { $pictures } pictures
    }, at most { $credits } credits.
passed-over =
    The built-in model knows simple scenes and passed over: { $words }{ $more ->
        [0] {""}
       *[other] {" "}and { $more } more
    }. Add a checkpoint for more: docs/models.md says how.
quote =
    { $jobs ->
        [one] This makes { $pictures ->
            [one] one picture
           *[other] { $pictures } pictures
        }
       *[other] This makes { $jobs } jobs with { $pictures } pictures
    } (≈{ $credits } credits{ $seconds ->
        [-1] {""}
       *[other] , ≈{ DURATION($seconds) }
    }).
quote-ask = Go on?

queue-title =
    { $count ->
        [one] One job of yours is on its way:
       *[other] { $count } jobs of yours are on their way:
    }
queue-empty = You have no job on its way.
history-title =
    { $count ->
        [one] Your latest job:
       *[other] Your latest { $count } jobs:
    }
history-empty = You have made nothing yet.
job-line =
    { $job } · { $status ->
        [held] held
        [queued] queued{ $position ->
            [0] {""}
           *[other] {" "}#{ $position }
        }{ $seconds ->
            [-1] {""}
           *[other] {" "}(ETA in { DURATION($seconds) })
        }
        [running] running{ $seconds ->
            [-1] {""}
           *[other] {" "}(ETA in { DURATION($seconds) })
        }
        [delivering] on its way to the chat
        [done] done
        [failed] failed
        [cancelled] cancelled
        [refused] refused
       *[expired] expired
    } · { $prompt }

info-community =
    This chat pays here: its wallet has { $available } credits, and you have used { $used }{ $has-limit ->
        [yes] {" "}of your { $limit }
       *[no] {""}
    } this period. Elsewhere you pay yourself:
info =
    You have { $available } credits, and { $held } more are held for jobs on their way. { $grant } come each period, the next { $hours ->
        [0] within the hour
        [one] in one hour
       *[other] in { $hours } hours
    }. Jobs: { $queued } queued, { $running } running.

models-title =
    { $count ->
        [one] One model:
       *[other] { $count } models:
    }
models-empty = No endpoint answers with a model at the moment.
templates-title =
    { $count ->
        [one] One template:
       *[other] { $count } templates:
    }
template-line = { $name } — { $title } ({ $slots })
name-line = { $name }

duration-seconds = { $seconds } s
duration-minutes =
    { $seconds ->
        [0] { $minutes } min
       *[other] { $minutes } min { $seconds } s
    }
duration-hours =
    { $minutes ->
        [0] { $hours } h
       *[other] { $hours } h { $minutes } min
    }
duration-days =
    { $hours ->
        [0] { $days } d
       *[other] { $days } d { $hours } h
    }
