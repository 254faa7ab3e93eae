# 个人、频道和群的偏好。

command-settings = /settings — { command-settings.summary }
    .summary = 请求没有说明的部分按什么来，以及出处
command-prefer = /prefer option|style|suffix|language — { command-prefer.summary }
    .summary = 设定请求没有说明的部分
command-prefer-option = /prefer option [list|set 参数 值|delete 参数] [channel|community] — { command-prefer-option.summary }
    .summary = 没有写出某个参数时用的值
command-prefer-style = /prefer style [list|set 名称 文字|delete 名称] [community] — { command-prefer-style.summary }
    .summary = --style 名称 所代表的文字和参数
command-prefer-suffix = /prefer suffix [文字] — { command-prefer-suffix.summary }
    .summary = 加在你每个提示词后面的文字和参数
command-prefer-language = /prefer language [语言] — { command-prefer-language.summary }
    .summary = 用哪种语言回答你
option-name = 不带短横的参数名，或风格的名称
option-scope = 谁的：自己的，管理员还可用 channel 或 community
option-language = 回答所用的语言
flag-style = --style 名称 — { flag-style.summary }
    .summary = 以这个名称保存的文字和参数

action-set-defaults = 更改

settings-title = 没有另外说明时，这里按下面的来：
settings-line =
    --{ $flag } { $value } · { $source ->
        [person] 你的设置
        [channel] 本频道的设置
        [community] 本群的设置
        [template] 模板的默认值
       *[system] 本站的默认值
    }
settings-suffix = 你的每个提示词后面加上：{ $value }
settings-styles = 可用于 --style 的风格：{ $styles }
settings-cap = 这里最多 --{ $flag } { $value }
settings-language = 语言：{ $language }

prefer-options-title = 已设定的参数：
prefer-styles-title = 已保存的风格：
prefer-line =
    { $name } { $value } · { $scope ->
        [channel] 本频道
        [community] 本群
       *[person] 你的
    }
prefer-none = 还没有。
prefer-set =
    没有另外写明时，{ $name } 从现在起{ $scope ->
        [channel] 在本频道
        [community] 在本群
       *[person] 对你
    }生效。
prefer-deleted =
    { $name } { $scope ->
        [channel] 在本频道
        [community] 在本群
       *[person] 对你
    }不再生效。
prefer-not-set =
    { $name } { $scope ->
        [channel] 在本频道
        [community] 在本群
       *[person] 对你
    }没有设定过。
prefer-full = 放不下了：最多 { $limit } 个，请先删除一些。
prefer-suffix = 从现在起你的每个提示词后面加上：{ $value }
prefer-no-suffix = 你的提示词不再加后缀。
prefer-no-suffix-set = 你没有设定后缀，用“/prefer suffix 文字”设定。
prefer-language =
    { $has-language ->
        [yes] 从现在起用 { $language } 回答你。
       *[no] 用你的应用所用的语言回答你。
    }

usual-limited =
    --{ $flag } 已改为 { $value }，这是模板接受的最接近的值（{ $source ->
        [community] 来自本群的设置
        [channel] 来自本频道的设置
        [style] 来自风格
       *[person] 来自你的设置
    }）。
usual-gone = 设置里 --{ $flag } 的“{ $value }”已没有机器提供，这次没有用它。
limited = --{ $flag } 在这里限制为 { $value }。
result-elsewhere = 结果会发到 { $channel }。
