# What only Discord shows.

menu-info = Image info
menu-upscale = Upscale
menu-use-as-input = Use as input
menu-report = Report
menu-no-job = This message shows no picture of Atelier's.
menu-no-picture = This message has no picture that can be used.

ask-yes = Yes
ask-edit = Edit
ask-no = Cancel
ask-expired = This question is too old: give the command again.
ask-cancelled = Nothing was made.
edit-line = What it shall be
press-unknown = This button is not known here any more.
form-unknown = This form is not known here any more.

panel-make = Make it
panel-numbers = Numbers
panel-close = Cancel
panel-more = More …
panel-closed = Nothing was changed.
panel-open = Fill in

install-private = Only you see this: Atelier is not a member of this chat. What takes longer than 15 minutes comes as a direct message.
permission-missing = I need { $permission } in { $chat }.
presence = Jobs { $jobs } · GPUs { $machines }
files-left-out =
    { $count ->
        [one] One file more did not fit into this message; Originals has it.
       *[other] { $count } files more did not fit into this message; Originals has them.
    }

permission-view-channel = View Channel
permission-send-messages = Send Messages
permission-send-messages-in-threads = Send Messages in Threads
permission-attach-files = Attach Files
