# One person with accounts on several platforms.

command-link = /link [CODE] — { command-link.summary }
    .summary = Join your accounts on several platforms: one balance, one history
command-unlink = /unlink — { command-unlink.summary }
    .summary = Part this account from your others again
option-code = The code that the other platform showed you

link-code = 🔗 { $code } — give “/link { $code }” to Atelier on the other platform within { $minutes } minutes. It works once. Tell nobody: whoever has it becomes you.
link-known = Joined already: { $accounts }
link-ask = This joins your account here with { $accounts }: credits, history, favourites, preferences and bans become one. Go on only if both accounts are yours.
link-done = 🔗 Joined with { $accounts }. Your credits and your history are one now.
unlink-ask = This parts your { $platform } account from the others: it begins anew, with no history, and with new credits when they are next granted. All that there is stays with the others.
unlink-done = Parted. This account is a person of its own again.
error-link-refused =
    { $reason ->
        [unknown] There is no such code any more: codes work once, and for ten minutes. “link” on the other platform shows a new one.
        [tries] That were { $limit } wrong codes. Try again in an hour.
        [own] That is your own code: give it to Atelier on the other platform.
        [platform] Both accounts are on the same platform; only accounts on different ones can be joined.
        [busy] Both accounts have jobs on their way. Try again when those of one of them are done.
       *[alone] This account is joined with no other.
    }
