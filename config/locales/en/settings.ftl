# What people, channels and chats prefer.

command-settings = /settings — { command-settings.summary }
    .summary = What your requests mean that do not say, and where that comes from
command-prefer = /prefer option|style|suffix|language — { command-prefer.summary }
    .summary = Choose what your requests mean that do not say
command-prefer-option = /prefer option [list|set FLAG VALUE|delete FLAG] [channel|community] — { command-prefer-option.summary }
    .summary = A flag's value where you do not type it
command-prefer-style = /prefer style [list|set NAME WORDS|delete NAME] [community] — { command-prefer-style.summary }
    .summary = Words and flags that --style NAME stands for
command-prefer-suffix = /prefer suffix [WORDS] — { command-prefer-suffix.summary }
    .summary = Words and flags that every prompt of yours ends with
command-prefer-language = /prefer language [LANGUAGE] — { command-prefer-language.summary }
    .summary = The language that you are answered in
option-name = A flag without its dashes, or a style's name
option-scope = Whose: yours, or for moderators channel or community
option-language = The language of the answers
flag-style = --style NAME — { flag-style.summary }
    .summary = words and flags that were saved under this name

action-set-defaults = Change

settings-title = What holds here where you do not say otherwise:
settings-line =
    --{ $flag } { $value } · { $source ->
        [person] yours
        [channel] this channel's
        [community] this chat's
        [template] the template's
       *[system] the studio's
    }
settings-suffix = Every prompt of yours ends with: { $value }
settings-styles = Styles for --style: { $styles }
settings-cap = At most --{ $flag } { $value } here
settings-language = Language: { $language }

prefer-options-title = Chosen flags:
prefer-styles-title = Saved styles:
prefer-line =
    { $name } { $value } · { $scope ->
        [channel] this channel's
        [community] this chat's
       *[person] yours
    }
prefer-none = None yet.
prefer-set =
    { $name } holds from now on { $scope ->
        [channel] in this channel
        [community] in this chat
       *[person] for you
    }, wherever nothing else is typed.
prefer-deleted =
    { $name } holds no more { $scope ->
        [channel] in this channel
        [community] in this chat
       *[person] for you
    }.
prefer-not-set =
    { $name } was not set { $scope ->
        [channel] in this channel
        [community] in this chat
       *[person] for you
    }.
prefer-full = There is no room for more: { $limit } is the most. Delete some first.
prefer-suffix = Every prompt of yours ends from now on with: { $value }
prefer-no-suffix = Your prompts end as you type them again.
prefer-no-suffix-set = You have no suffix. “/prefer suffix WORDS” sets one.
prefer-language =
    { $has-language ->
        [yes] You are answered in { $language } from now on.
       *[no] You are answered in the language that your app says.
    }

usual-limited =
    Your --{ $flag } became { $value }, the nearest that this template takes ({ $source ->
        [community] this chat's setting
        [channel] this channel's setting
        [style] the style's
       *[person] your setting
    }).
usual-gone = “{ $value }” for --{ $flag } is in your settings, but no machine has it any more; it was left out.
limited = --{ $flag } was limited to { $value } here.
result-elsewhere = The result comes in { $channel }.
