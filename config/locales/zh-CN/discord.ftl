# 仅在 Discord 上显示的文字。

menu-info = 图片信息
menu-upscale = 放大
menu-use-as-input = 用作输入
menu-report = 举报
menu-no-job = 这条消息里没有 Atelier 的图片。
menu-no-picture = 这条消息里没有可用的图片。

ask-yes = 是
ask-edit = 编辑
ask-no = 取消
ask-expired = 这个问题已过期，请重新输入命令。
ask-cancelled = 什么都没有生成。
edit-line = 修改后的内容
press-unknown = 这个按钮已失效。
form-unknown = 这个表单已失效。

panel-make = 生成
panel-numbers = 数值
panel-close = 取消
panel-more = 更多……
panel-closed = 没有任何改动。
panel-open = 填写

install-private = 只有你能看到：Atelier 不是此聊天的成员。超过 15 分钟的结果会以私信发送。
permission-missing = 我在 { $chat } 需要“{ $permission }”权限。
presence = 任务 { $jobs } · GPU { $machines }
files-left-out = 另有 { $count } 个文件未能放进这条消息，可通过“原图”获取。

permission-view-channel = 查看频道
permission-send-messages = 发送消息
permission-send-messages-in-threads = 在帖子中发送消息
permission-attach-files = 上传文件
