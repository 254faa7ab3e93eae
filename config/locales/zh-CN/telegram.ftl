# 仅在 Telegram 上显示的文字。

welcome = 🎨 我是一个图像工作室。写下你想看到的内容，例如：a red house under a yellow sun --ar 3:2。第二行写不想出现的内容。发送图片并附上文字，就会按文字重画它。其他用法见 /help。
say-what = 请说出你想看到的内容：文字，或附有文字的图片。
unreadable = 我只能读文字和图片。
forwarded = 转发的内容不算请求。请自己写下来，或自己发送图片。
nobody = 不知道是谁在提问：匿名管理员和频道不能提出请求。请用你自己的身份发言。
album-unused = 相册里有 { $count } 张图片没有用到：只使用第一张。

look-again = 再看一次
answer-prompt = 请回复这条消息，写下新的文字。第二行写不想出现的内容；参数照常可用。
answer-words = 请回复这条消息：{ $field }
panel-unset = 复原
panel-back = 返回
panel-not-yours = 只有打开它的人才能填写。
form-full = 内容太多，这个表单放不下。请把它写成提示词后面的参数。
action-line = 你想要什么

told-privately = 我已在我们的私聊中告诉你。
begin-conversation = 这是只给你一个人看的，而我还不能给你发消息：请先与我开始对话。
begin = 开始
