# Pictures that somebody has to look at, reports, a chat's own words, endpoints, and the first words of the bot.

command-report = /report JOB [REASON] — { command-report.summary }
    .summary = Tell the moderators of a picture that should not be shown
command-mod-inbox = /mod inbox — { command-mod-inbox.summary }
    .summary = Pictures that wait for you: held ones and reported ones
command-mod-approve = /mod approve JOB — { command-mod-approve.summary }
    .summary = Let held pictures through
command-mod-spoiler = /mod spoiler JOB — { command-mod-spoiler.summary }
    .summary = Let held pictures through, behind a spoiler
command-mod-reject = /mod reject JOB [REASON] — { command-mod-reject.summary }
    .summary = Remove held pictures; the credits return and the person is told why
command-mod-hide = /mod hide JOB [REASON] — { command-mod-hide.summary }
    .summary = Take reported pictures out of their message
command-mod-dismiss = /mod dismiss JOB — { command-mod-dismiss.summary }
    .summary = Leave reported pictures as they are
command-mod-words = /mod words [list|add WORDS|remove WORDS] — { command-mod-words.summary }
    .summary = What is refused in requests here, beside the built-in rules
command-backend = /backend list|drain|enable — { command-backend.summary }
    .summary = The machines that make pictures
command-backend-list = /backend list — { command-backend-list.summary }
    .summary = Which there are, and what they do
command-backend-drain = /backend drain NAME — { command-backend-drain.summary }
    .summary = Give one nothing new; what runs goes on
command-backend-enable = /backend enable NAME — { command-backend-enable.summary }
    .summary = Give one work again

option-change = list, add or remove; or list, set or delete
option-phrase = Words that are refused here; * and ? stand for letters
option-endpoint = The endpoint's name

action-approve = Approve
action-spoiler = As a spoiler
action-reject = Reject
action-hide = Hide
action-dismiss = Leave it

inbox-title =
    { $count ->
        [one] One job waits for you{ $more ->
            [yes] , and there are more
           *[no] {""}
        }:
       *[other] { $count } jobs wait for you{ $more ->
            [yes] , and there are more
           *[no] {""}
        }:
    }
inbox-empty = Nothing waits for you.
inbox-line =
    { $job } · { $owner } · { $kind ->
        [reported] reported by { $reports ->
            [one] one person
           *[other] { $reports } people
        }{ $has-reason ->
            [yes] : “{ $reason }”
           *[no] {""}
        }
       *[held] held: { $reason ->
            [sexual] adult
            [gore] cruelty
            [classifier] adult, says the classifier
            [hook] says the operators' own check
            [unchecked] it could not be checked
           *[other] { $reason }
        }
    } · { $prompt }
review-approved = Job { $job } is let through; its pictures are on their way.
review-spoiler = Job { $job } is let through behind a spoiler; its pictures are on their way.
review-rejected = Job { $job } is rejected: its pictures are removed, the credits are back, and the person is told.
review-hidden = Job { $job } is hidden: its message shows the pictures no more.
review-dismissed = The reports about job { $job } are dismissed.
review-decided = There is nothing to decide about job { $job } any more, or it is on its way this very moment.
reported = Thank you. The moderators will look at job { $job }.
reported-before = You have reported job { $job } already, or it is shown no more.
asked-moderator = A moderator looks at the pictures before they are shown.
job-waits-for-moderator = 🔎 Made. The pictures wait for a moderator; nothing of them is lost.
job-rejected =
    🚫 A moderator did not let these pictures through{ $has-reason ->
        [yes] : { $reason }
       *[no] .
    } The credits are back.
job-not-reviewed = 🚫 Nobody looked at these pictures in time, so they are removed. The credits are back.
job-hidden =
    🚫 A moderator has taken these pictures back{ $has-reason ->
        [yes] : { $reason }
       *[no] .
    }

words-title =
    { $count ->
        [one] One phrase is refused here:
       *[other] { $count } phrases are refused here:
    }
words-empty = No words of this chat's own are refused. “/mod words add WORDS” adds some; * and ? stand for letters.

backend-title =
    { $count ->
        [one] One endpoint:
       *[other] { $count } endpoints:
    }
backend-line =
    { $endpoint } · { $state ->
        [ready] ready
        [drained] drained: nothing new
       *[away] away
    } · { $running }/{ $slots } · ×{ $weight } · { $models ->
        [one] one model
       *[other] { $models } models
    }{ $has-problem ->
        [yes] {" "}· { $problem }
       *[no] {""}
    }
backend-drained = { $endpoint } gets nothing new, over restarts too, until “/backend enable { $endpoint }”. What runs there goes on.
backend-drained-before = { $endpoint } is drained already.
backend-enabled = { $endpoint } gets work again.
backend-enabled-before = { $endpoint } was not drained.
model-line =
    { $name }{ $has-family ->
        [yes] {" "}— { $family }
       *[no] {""}
    }

guide-title = 👋 Hello! Atelier makes pictures from words, on this community's own machines.
guide-allow = 1. An operator adds “{ $id }” to “allowlist” in the settings and starts the service again. Until then nobody here is served.
guide-allowed = 1. This chat is served: /imagine a red house under a yellow sun
guide-policy = 2. Moderators set the rules: /mod policy shows them all. “/mod policy channels ID” keeps pictures to one channel, “/mod policy nsfw hold|spoiler|refuse” says what becomes of adult ones.
guide-inbox = 3. What is held or reported waits in /mod inbox. /help lists everything, /settings is everybody's own.
