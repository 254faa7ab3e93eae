# What went wrong, why, and what would be right. Variables are the error's fields; $has-NAME is "yes" where NAME is not empty.

## The request itself

error-bad-request = That request is not right.
error-empty-prompt = What should the picture show? Write a few words, such as: a red house under a yellow sun --ar 3:2
error-unknown-flag =
    There is no flag --{ $flag }.{ $has-nearest ->
        [yes] {" "}Did you mean --{ $nearest }?
       *[no] {" "}“help” lists them all.
    } To draw those very words, write \--{ $flag }.
error-bad-value =
    { $has-value ->
        [yes] --{ $flag } cannot be “{ $value }”.
       *[no] --{ $flag } needs a value.
    }{ $has-expected ->
        [yes] {" "}It takes { $expected }.
       *[no] {""}
    }{ $has-nearest ->
        [yes] {" "}The nearest is --{ $flag } { $nearest }
       *[no] {""}
    }
error-given-twice =
    { $same ->
        [yes] --{ $flag } is there twice; leave one.
       *[no] --{ $flag } and --{ $other } cannot stand together; leave one.
    }
error-unexpected-words = After --{ $flag } there is something left over: “{ $words }”. The prompt goes first, then the flags; a value of several words goes in "quotes".
error-unknown-choice =
    { $flag ->
        [style] There is no style “{ $value }”.
       *[other] No endpoint has “{ $value }” for --{ $flag }.
    }{ $has-nearest ->
        [yes] {" "}Did you mean “{ $nearest }”?
       *[no] {" "}{ $flag ->
            [style] “/prefer style” lists them.
            [loras] “/loras” lists the LoRAs that there are.
           *[other] “/models” lists the models that there are.
        }
    }
error-unknown-template =
    There is no template “{ $value }”.{ $has-nearest ->
        [yes] {" "}Did you mean “{ $nearest }”?
       *[no] {""}
    } “templates” lists them all.
error-unsupported-option = The template “{ $template }” does not take --{ $flag }. It takes: { $options }. Leave the flag out, or choose another --template.
error-missing-input =
    { $flag ->
        [image] The template “{ $template }” starts from a picture; add one.
        [mask] The template “{ $template }” needs a mask; add one, or send a picture with a transparent part.
       *[other] The template “{ $template }” needs --{ $flag }.
    }
error-image-rejected =
    { $reason ->
        [bytes] The picture “{ $name }” is too heavy: at most { $limit }.
        [side] The picture “{ $name }” is too large{ $has-size ->
            [yes] {" "}({ $size })
           *[no] {""}
        }: at most { $limit } a side. Scale it down and send it again.
        [pixels] The picture “{ $name }” is too large{ $has-size ->
            [yes] {" "}({ $size })
           *[no] {""}
        }: at most { $limit }. Scale it down and send it again.
        [format] “{ $name }” is in no format that we read. These work: { $limit }.
        [broken] The picture “{ $name }” is damaged. Save it anew as one of { $limit }.
        [not-fetched] The picture “{ $name }” could not be fetched. Attach it again.
        [unreadable] The picture “{ $name }” cannot be read: { $limit }.
       *[other] The picture “{ $name }” cannot be used: { $reason } ({ $limit }).
    }
error-unknown-command =
    There is no command “{ $value }”.{ $has-nearest ->
        [yes] {" "}Did you mean “{ $nearest }”?
       *[no] {" "}“help” lists them all.
    }
error-unknown-job =
    { $has-value ->
        [yes] There is no job “{ $value }” here. “history” lists yours.
       *[no] You have no job on its way.
    }
error-unknown-person =
    { $has-value ->
        [yes] Nobody is known here as “{ $value }”. A person is known once they have used Atelier; name them by platform:id.
       *[no] Say who: platform:id, such as discord:42.
    }
error-too-many-jobs = This makes { $count } jobs; { $limit } is the most at once. Take some of the choices in { "{" }braces{ "}" } out.

## Not now, or not for this person

error-refused = That cannot be done now.
error-access-denied =
    { $has-channels ->
        [yes] Pictures are made in other channels here: { $channels }.
       *[no] Atelier does not serve this chat.{ $has-id ->
            [yes] {" "}Its operators can allow it: they add “{ $id }” to “allowlist” in the settings.
           *[no] {""}
        }
    }
error-unsafe =
    { $category ->
        [minors] Nobody who is under age, or looks it, is shown sexually: not here, not anywhere, for nobody.
        [sexual] Adult pictures are not shown here.
        [abuse] Pictures of sexual violence are not made here.
        [gore] Pictures of cruelty and gore are not made here.
        [hate] Pictures that demean people for what they are are not made here.
        [self-harm] Pictures of self-harm are not made here. If it is about you: please talk to somebody you trust, or call your country's crisis line.
        [words] The moderators of this chat have ruled out something that you asked for.
        [unchecked] The check that everything here has to pass cannot be made at the moment. Try again in a few minutes.
       *[other] A check of this Atelier does not let it through.
    } Nothing was charged.{ $has-rule ->
        [yes] {" "}(Rule: { $rule })
       *[no] {""}
    }
error-banned =
    You may not ask for pictures { $everywhere ->
        [yes] here or anywhere else
       *[no] in this chat
    }{ $has-seconds ->
        [yes] {" "}for another { DURATION($seconds) }
       *[no] , until that is lifted
    }. Reason: { $reason }. { $everywhere ->
        [yes] Its operators can lift it.
       *[no] Its moderators can lift it; other chats and direct messages are not affected.
    }
error-forbidden =
    { $action ->
        [cancel] Only the job's owner and the moderators of this chat may cancel it.
        [operator] Only the operators of this Atelier may do that.
        [moderator] Only the moderators of a chat may do that, and there only.
        [own-review] Nobody decides about their own pictures; another moderator of this chat may, or an operator.
        [own] Only they themselves and the operators may do that.
       *[other] Only the owner and the moderators of this chat may do that.
    }
error-insufficient-credits =
    This costs { $cost } credits, and { $payer ->
        [community] this chat's wallet has { $available }
       *[person] you have { $available }
    }.{ $has-resets ->
        [yes] {" "}More come in { DURATION($resets) }.
       *[no] {""}
    } Fewer pictures (--n), fewer --steps or a smaller --size cost less; --dry tells the price first.
error-allowance-used =
    This costs { $cost } credits. This chat pays, and gives each of you { $limit } credits a period; you have used { $used }. It starts anew in { DURATION($resets) }. Direct messages are paid from your own credits; the moderators can grant you more.
error-queue-full =
    { $scope ->
        [here] You have { $queued } jobs on their way in this chat; { $limit } is the most. Wait for one to finish, or cancel one.
        [together] This chat has { $queued } jobs on their way; { $limit } is the most for all together. Try again when some are finished.
       *[own] You have { $queued } jobs on their way; { $limit } is the most. Wait for one to finish, or cancel one.
    }
error-nothing-can-run =
    Nothing here can run that now: “{ $missing }” is missing.{ $has-nearest ->
        [yes] {" "}The nearest is “{ $nearest }”.
       *[no] {""}
    }
error-job-started = The job { $value } has started, so it cannot be changed any more. “cancel” stops it.

## An attempt failed

error-endpoint-error = The machine that makes the pictures reported an error. Try again in a moment.
error-endpoint-lost = The machine that makes the pictures cannot be reached.
error-endpoint-busy = The machine that makes the pictures is full at the moment.
error-endpoint-full = The disk of the machine that makes the pictures is full.
error-out-of-memory = The picture did not fit into the GPU's memory. A smaller --size or fewer pictures (--n) will.
error-graph-rejected =
    The machine that makes the pictures refused the workflow{ $has-reason ->
        [yes] : { $reason }
       *[no] .
    }
error-execution-failed =
    A step of the workflow failed{ $has-reason ->
        [yes] : { $reason }
       *[no] .
    }
error-interrupted = Somebody stopped it on the machine that makes the pictures.
error-attempt-unknown = The machine that makes the pictures forgot this job.
error-attempt-timeout = It took too long without making progress.
error-output-missing = It finished, but there was no picture.

## Disk and database

error-storage-error = The studio could not write that down. Nothing was charged; try again in a moment.
error-disk-full = The studio's disk is full. Nothing is lost; work goes on when there is room again.
error-service-running =
    Another Atelier is using { $has-path ->
        [yes] the database { $path }
       *[no] this database
    }. Stop it, or set another data_dir.
error-database-broken = The database { $path } cannot be used: { $reason }. Move it away, or restore a backup that lies beside it.
error-backup-broken = { $path } cannot be used as a backup: { $reason }. Nothing was changed.
error-would-overwrite = { $path } is there already, and stays as it is. Name another place; a restore takes --force.
error-blob-missing = A stored picture is not there any more, or is damaged.

## Posting

error-delivery-error = The chat did not take the message.
error-chat-gone = Nothing can be posted to { $chat }: it is gone, or closed to Atelier.
error-not-permitted =
    Atelier may not post in { $chat }{ $has-missing ->
        [yes] {" "}({ $missing } is missing)
       *[no] {""}
    }.
error-recipient-blocked = Atelier may not write to this person.
error-message-gone = The message is not there any more, or cannot be edited any more.
error-delivery-delayed = The chat asks us to wait; the message comes a little later.
error-message-too-large = The message is too large for this chat ({ $size }; at most { $limit }).
error-flood-wait = Too much is being said here at once; the message comes a little later.
error-delivery-unanswered = The chat did not say whether it took the message; it is sent again.
error-delivery-expired = The chat could not be reached for a whole day.

## Starting

error-start-error =
    Atelier cannot start as it is configured{ $has-detail ->
        [yes] : { $detail }
       *[no] . “atelier doctor” says what to mend.
    }
error-port-in-use = Port { $port } on { $host } is in use already. Set another { $setting }, or end the program that has it.
error-sampler-failed =
    The sampler did not start{ $has-reason ->
        [yes] : { $reason }
       *[no] .
    } “atelier doctor” says what to mend.
error-template-broken =
    A workflow template needs mending:
    { $reason }

error-internal = Something went wrong on our side. Nothing was charged; try again in a moment.
