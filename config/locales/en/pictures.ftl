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
