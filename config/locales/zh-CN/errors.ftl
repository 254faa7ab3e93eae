# 出了什么问题、为什么、怎样才对。变量是错误的字段；字段 NAME 不为空时，$has-NAME 为 "yes"。

## 请求本身有误

error-bad-request = 这个请求不对。
error-empty-prompt = 想画什么？写几个词就行，例如：黄色太阳下的红房子 --ar 3:2
error-unknown-flag =
    没有 --{ $flag } 这个参数。{ $has-nearest ->
        [yes] 是不是想写 --{ $nearest }？
       *[no] 用“help”可以查看全部参数。
    }如果就是要画这几个字，请写成 \--{ $flag }。
error-bad-value =
    { $has-value ->
        [yes] --{ $flag } 不能是“{ $value }”。
       *[no] --{ $flag } 后面要跟一个值。
    }{ $has-expected ->
        [yes] 可用范围或写法：{ $expected }。
       *[no] {""}
    }{ $has-nearest ->
        [yes] 最接近的写法是 --{ $flag } { $nearest }
       *[no] {""}
    }
error-given-twice =
    { $same ->
        [yes] --{ $flag } 写了两次，留一个就好。
       *[no] --{ $flag } 和 --{ $other } 不能同时用，留一个就好。
    }
error-unexpected-words = --{ $flag } 后面多出了“{ $words }”。提示词写在最前面，参数放在后面；值里有空格时请用 "引号" 括起来。
error-unknown-choice =
    { $flag ->
        [style] 没有名为“{ $value }”的风格。
       *[other] 没有端点提供 --{ $flag } 的“{ $value }”。
    }{ $has-nearest ->
        [yes] 是不是想用“{ $nearest }”？
       *[no] { $flag ->
            [style] 用“/prefer style”可以查看。
            [loras] 用“/loras”可以查看现有 LoRA。
           *[other] 用“/models”可以查看现有模型。
        }
    }
error-unknown-template =
    没有“{ $value }”这个模板。{ $has-nearest ->
        [yes] 是不是想用“{ $nearest }”？
       *[no] {""}
    }用“templates”可以查看全部模板。
error-unsupported-option = 模板“{ $template }”不支持 --{ $flag }，它支持：{ $options }。请去掉这个参数，或用 --template 换一个模板。
error-missing-input =
    { $flag ->
        [image] 模板“{ $template }”需要一张原图，请附上图片。
        [mask] 模板“{ $template }”需要一张蒙版：请附上蒙版，或发送有透明部分的图片。
       *[other] 模板“{ $template }”需要 --{ $flag }。
    }
error-image-rejected =
    { $reason ->
        [bytes] 图片“{ $name }”太大，文件最大 { $limit }。
        [side] 图片“{ $name }”尺寸太大{ $has-size ->
            [yes] （{ $size }）
           *[no] {""}
        }，单边最大 { $limit }。请缩小后再发。
        [pixels] 图片“{ $name }”尺寸太大{ $has-size ->
            [yes] （{ $size }）
           *[no] {""}
        }，最大 { $limit }。请缩小后再发。
        [format] 无法识别“{ $name }”的格式，支持：{ $limit }。
        [broken] 图片“{ $name }”已损坏，请另存为以下格式之一：{ $limit }。
        [not-fetched] 无法获取图片“{ $name }”，请重新上传。
        [unreadable] 无法读取图片“{ $name }”：{ $limit }。
       *[other] 图片“{ $name }”不能用：{ $reason }（{ $limit }）。
    }
error-unknown-command =
    没有“{ $value }”这个命令。{ $has-nearest ->
        [yes] 是不是想用“{ $nearest }”？
       *[no] 用“help”可以查看全部命令。
    }
error-unknown-job =
    { $has-value ->
        [yes] 这里没有任务“{ $value }”。用“history”可以查看你的任务。
       *[no] 你没有进行中的任务。
    }
error-unknown-person =
    { $has-value ->
        [yes] 这里没有“{ $value }”这个人。用过 Atelier 的人才查得到，请写成 platform:id。
       *[no] 请指明是谁，写成 platform:id，例如 discord:42。
    }
error-too-many-jobs = 这会生成 { $count } 个任务，一次最多 { $limit } 个。请减少{ "{" }花括号{ "}" }里的选项。

## 暂时不行，或无权进行

error-refused = 现在做不了。
error-access-denied =
    { $has-channels ->
        [yes] 本群只在这些频道绘图：{ $channels }。
       *[no] Atelier 没有为这个聊天开放。{ $has-id ->
            [yes] 运营者可以把“{ $id }”加到设置的“allowlist”里。
           *[no] {""}
        }
    }
error-unsafe =
    { $category ->
        [minors] 任何未成年或看起来未成年的人都不能出现在色情画面里：这里不行，任何地方、任何人都不行。
        [sexual] 这里不展示成人内容。
        [abuse] 这里不绘制性暴力内容。
        [gore] 这里不绘制残忍血腥的内容。
        [hate] 这里不绘制贬低他人出身或身份的内容。
        [self-harm] 这里不绘制自残内容。如果这与你自己有关，请和信任的人谈谈，或拨打当地的危机热线。
        [words] 本群管理员禁止了你请求里的某些内容。
        [unchecked] 每个请求都要通过的检查现在无法进行，请过几分钟再试。
       *[other] 本站的检查没有通过。
    }没有扣点。{ $has-rule ->
        [yes] （规则：{ $rule }）
       *[no] {""}
    }
error-banned =
    你{ $has-seconds ->
        [yes] 还有 { DURATION($seconds) }
       *[no] 在解除之前
    }不能在{ $everywhere ->
        [yes] 任何地方
       *[no] 本群
    }请求绘图。原因：{ $reason }。{ $everywhere ->
        [yes] 运营者可以解除。
       *[no] 本群管理员可以解除；其他群和私聊不受影响。
    }
error-forbidden =
    { $action ->
        [cancel] 只有任务的主人和本群管理员可以取消它。
        [operator] 只有 Atelier 的运营者可以这样做。
        [moderator] 只有群管理员可以这样做，而且仅限于自己的群。
        [own-review] 没有人能决定自己的图片，请本群的另一位管理员或运营者来处理。
        [own] 只有本人和运营者可以这样做。
       *[other] 只有主人和本群管理员可以这样做。
    }
error-insufficient-credits =
    需要 { $cost } 点，{ $payer ->
        [community] 本群钱包还有 { $available } 点
       *[person] 你还有 { $available } 点
    }。{ $has-resets ->
        [yes] { DURATION($resets) }后会补充。
       *[no] {""}
    }减少张数（--n）、步数（--steps）或尺寸（--size）可以省点数；加 --dry 可以先看价格。
error-allowance-used =
    需要 { $cost } 点。本群代付，每人每期 { $limit } 点，你已用 { $used } 点，{ DURATION($resets) }后重新计算。私聊用你自己的点数；管理员也可以再拨给你。
error-queue-full =
    { $scope ->
        [here] 你在这个群里已有 { $queued } 个任务在进行，最多 { $limit } 个。请等一个完成，或取消一个。
        [together] 这个群共有 { $queued } 个任务在进行，所有人合计最多 { $limit } 个。请等一些完成后再试。
       *[own] 你已有 { $queued } 个任务在进行，最多 { $limit } 个。请等一个完成，或取消一个。
    }
error-nothing-can-run =
    现在没有端点能运行它：缺少“{ $missing }”。{ $has-nearest ->
        [yes] 最接近的是“{ $nearest }”。
       *[no] {""}
    }
error-job-started = 任务 { $value } 已经开始，不能再更改。“cancel”可以取消它。

## 一次尝试失败

error-endpoint-error = 绘图的机器报告了错误，请稍后再试。
error-endpoint-lost = 联系不上绘图的机器。
error-endpoint-busy = 绘图的机器现在满了。
error-endpoint-full = 绘图的机器磁盘满了。
error-out-of-memory = 显存放不下这张图。请用更小的 --size 或更少的张数（--n）。
error-graph-rejected =
    绘图的机器拒绝了这个工作流{ $has-reason ->
        [yes] ：{ $reason }
       *[no] 。
    }
error-execution-failed =
    工作流中有一步失败了{ $has-reason ->
        [yes] ：{ $reason }
       *[no] 。
    }
error-interrupted = 有人在绘图的机器上中止了它。
error-attempt-unknown = 绘图的机器丢失了这个任务。
error-attempt-timeout = 太久没有进展，已经放弃。
error-output-missing = 运行结束了，却没有图片。

## 磁盘与数据库

error-storage-error = 画室没能保存这次操作。没有扣点，请稍后再试。
error-disk-full = 画室的磁盘满了。什么都没有丢失，有空间后会继续。
error-service-running =
    { $has-path ->
        [yes] 数据库 { $path }
       *[no] 这个数据库
    }正被另一个 Atelier 使用。请先停止它，或换一个 data_dir。
error-database-broken = 数据库 { $path } 无法使用：{ $reason }。请把它移走，或恢复旁边的备份。
error-backup-broken = { $path } 不能用作备份：{ $reason }。什么都没有改动。
error-would-overwrite = { $path } 已经存在，没有改动。请换一个位置；恢复时可以加 --force。
error-blob-missing = 一张已保存的图片不见了或已损坏。

## 发送

error-delivery-error = 聊天平台没有收下这条消息。
error-chat-gone = 无法发送到 { $chat }：它已不存在，或不再对 Atelier 开放。
error-not-permitted =
    Atelier 不能在 { $chat } 发消息{ $has-missing ->
        [yes] （缺少权限：{ $missing }）
       *[no] {""}
    }。
error-recipient-blocked = Atelier 不能给这个人发私信。
error-message-gone = 消息已经不在了，或者不能再编辑。
error-delivery-delayed = 聊天平台要求稍等，消息会晚一点到。
error-message-too-large = 消息对这个聊天来说太大（{ $size }，最大 { $limit }）。
error-flood-wait = 聊天平台要求稍等，消息过一会儿就到。
error-delivery-unanswered = 聊天平台没有回应，消息会再发一次。
error-delivery-expired = 一整天都联系不上聊天。

## 启动

error-start-error =
    Atelier 无法按当前配置启动{ $has-detail ->
        [yes] ：{ $detail }
       *[no] 。运行“atelier doctor”可以知道怎么修。
    }
error-port-in-use = { $host } 的端口 { $port } 已被占用。请换一个 { $setting }，或结束占用它的程序。
error-sampler-failed =
    采样器没有启动{ $has-reason ->
        [yes] ：{ $reason }
       *[no] 。
    }运行“atelier doctor”可以知道怎么修。
error-template-broken =
    有工作流模板需要修正：
    { $reason }

error-internal = 我们这边出了问题。没有扣点，请稍后再试。
