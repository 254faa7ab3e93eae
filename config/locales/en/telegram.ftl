# What only Telegram shows.

welcome = 🎨 I am an image studio. Write what you want to see, for example: a red house under a yellow sun --ar 3:2. A second line says what shall not be in it. A picture with words under it is drawn anew by them. /help has everything else.
say-what = Say what you want to see: words, or a picture with words under it.
unreadable = I can only read words and pictures.
forwarded = What is passed on is no order to me. Write it, or send the picture, yourself.
nobody = I do not know who asks: administrators who stay anonymous, and channels, cannot ask for anything. Write in your own name.
album-unused =
    { $count ->
        [one] One picture of the album was not used: only the first one is.
       *[other] { $count } pictures of the album were not used: only the first one is.
    }

look-again = Look again
answer-prompt = Answer this message with the new words. A second line says what shall not be in it; flags work as always.
answer-words = Answer this message: { $field }
panel-unset = As it was
panel-back = Back
panel-not-yours = Only who opened this can fill it in.
form-full = That is more than this form can hold. Write it as flags after the prompt.
action-line = What it shall be

told-privately = I wrote to you in our own conversation.
begin-conversation = That is for you alone, and I may not write to you yet: begin a conversation with me.
begin = Begin
