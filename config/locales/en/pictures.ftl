# What people do with pictures: buttons, forms and their answers. $index is which picture, 0 where there is only one.

action-upscale =
    { $index ->
        [0] Upscale 2×
       *[other] U{ $index }
    }
action-vary-subtle =
    { $index ->
        [0] Vary subtle
       *[other] Vary { $index } subtly
    }
action-vary-strong =
    { $index ->
        [0] Vary strong
       *[other] V{ $index }
    }
action-zoom-out =
    { $index ->
        [0] Zoom out
       *[other] Zoom out { $index }
    }
action-pan-left =
    { $index ->
        [0] Pan left
       *[other] Pan { $index } left
    }
action-pan-right =
    { $index ->
        [0] Pan right
       *[other] Pan { $index } right
    }
action-pan-up =
    { $index ->
        [0] Pan up
       *[other] Pan { $index } up
    }
action-pan-down =
    { $index ->
        [0] Pan down
       *[other] Pan { $index } down
    }
action-square =
    { $index ->
        [0] Make square
       *[other] Make { $index } square
    }
action-use-as-input =
    { $index ->
        [0] Use as input
       *[other] Use { $index } as input
    }
action-reroll = Again
action-remix = Remix
action-tweak = Tweak
action-favourite =
    { $index ->
        [0] Favourite
       *[other] Favourite { $index }
    }
action-unfavourite = No favourite any more
action-info =
    { $index ->
        [0] Info
       *[other] Info { $index }
    }
action-originals = Originals
action-album = Album
action-show = Show
action-older = Older
action-report =
    { $index ->
        [0] Report
       *[other] Report { $index }
    }
action-cancel = Cancel
action-delete = Delete

error-picture-unavailable =
    { $why ->
        [running] Job { $value } is still on its way; “cancel” stops it.
        [none] Job { $value } ended without a picture.
        [deleted] The pictures of job { $value } were deleted.
        [withheld] The pictures of job { $value } wait for a moderator, or were taken back by one.
       *[old] Job { $value } starts from, or made, a picture that is not kept any more. “imagine” makes it anew.
    }
error-unknown-picture =
    { $count ->
        [one] Job { $value } has one picture only.
       *[other] Job { $value } has { $count } pictures; say which, from 1 to { $count }.
    }
error-picture-unfit =
    { $reason ->
        [pixels] That would be { $size }; { $limit } is the most. A smaller scale fits.
        [ratio] That would be { $size }, longer than { $limit }.
        [square] The picture is square already.
       *[kind] That is no still picture, so it cannot be changed.
    }

error-no-conversation = A private result needs a conversation with you, and { $has-busy ->
        [yes] just now there is too much to do to open one. Ask again in a minute.
       *[no] Atelier cannot open one. Allow direct messages from this server, or write to Atelier directly and ask there.
    }
accepted-private = The result comes to you as a direct message; nothing of it is shown here.
private-unreachable = { $has-owner ->
        [yes] { $owner }, your
       *[no] Your
    } private result could not be sent: { failure } The credits are back.

job-deleted =
    { $by ->
        [moderator] 🗑️ A moderator deleted these pictures.
       *[owner] 🗑️ Deleted.
    }
which-picture = Job { $job } has { $count } pictures. Which one?
delete-ask =
    { $pictures ->
        [one] This deletes the picture of job { $job } for good, here and in its message.
       *[other] This deletes the { $pictures } pictures of job { $job } for good, here and in their message.
    }
deleted = The pictures of job { $job } are deleted.
cancel-too-late = Job { $job } has ended already; there is nothing left to cancel.
originals =
    { $pictures ->
        [one] The picture of job { $job }:
       *[other] The { $pictures } pictures of job { $job }:
    }
favourite-kept = ⭐ Picture { $number } of { $job } is among your favourites; “history favourites” lists them.
favourite-let-go = Picture { $number } of { $job } is no favourite of yours.
favourites-title =
    { $count ->
        [one] Your newest favourite:
       *[other] Your newest { $count } favourites:
    }
favourites-empty = You have no favourites yet, or none before that. ⭐ on a picture keeps it.
favourite-line = ⭐ { $job }#{ $number } · { $prompt }

picture-title = 📋 { $job } · { $template }{ $has-model ->
        [yes] {" "}· { $model }
       *[no] {""}
    }
picture-prompt = { $prompt }
picture-negative = Without: { $negative }
picture-options = { $options }
picture-seed = Picture { $number }: --seed { $seed }
picture-size = { $width } × { $height } pixels, { $kilobytes } KiB
picture-parent = Made from { $job }#{ $number }
picture-cost =
    { $has-endpoint ->
        [yes] { $endpoint } ·{" "}
       *[no] {""}
    }{ DURATION($seconds) } · { $credits } credits · { $at }
loras-title =
    { $count ->
        [one] One LoRA:
       *[other] { $count } LoRAs:
    }
loras-empty = No endpoint has a LoRA.
