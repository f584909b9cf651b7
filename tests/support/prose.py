"""Mail systems that report in prose alone, each in the shape of its kind: sender, subject, text.

Written for these tests in the manner of the systems; the recipient is always `taro@receiver.example`.
"""

# class, permanent, From, Subject, text
PROSE: list[tuple[str, bool, str, str, str]] = [
    (
        "full",
        False,
        "postmaster@biglobe.ne.jp",
        "Returned mail: see transcript for details",
        """\
   ----- The following addresses had delivery problems -----
********@***.biglobe.ne.jp

   ----- Non-delivered information -----
The number of messages in recipient's mailbox exceeded the local limit.
""",
    ),
    (
        "gone",
        True,
        "no-reply@app.auone-net.jp",
        "Mail",
        """\
Your mail sent on: Thu, 29 Apr 2013 11:04:47 +0900
     Could not be delivered to: <taro@receiver.example>
     As the remote domain doesnt exist.
""",
    ),
    (
        "refused",
        False,
        "no-reply@app.auone-net.jp",
        "Mail",
        """\
Your mail sent on: Thu, 29 Apr 2013 11:04:47 +0900
     Could not be delivered to: <taro@receiver.example>
     Due to the following SMTP relay error

     550 Relaying denied
""",
    ),
    (
        "trouble",
        False,
        "Postmaster@ezweb.ne.jp",
        "Mail System Error - Returned Mail",
        """\
次のあて先へのメッセージはエラーのため送信できませんでした。

Your message was not delivered within 0 days and 1 hours.
Remote host is not responding.

The following recipients did not receive this message:

    <taro@receiver.example>
""",
    ),
    (
        "gone",
        False,
        "Postmaster@ezweb.ne.jp",
        "Mail System Error - Returned Mail",
        """\
次のあて先へのメッセージはエラーのため送信できませんでした。
The user(s) account is temporarily limited.
<taro@receiver.example>
""",
    ),
    (
        "full",
        False,
        "Postmaster@ezweb.ne.jp",
        "Mail System Error - Returned Mail",
        """\
次のあて先へのメッセージはエラーのため送信できませんでした。
As their mailbox is full.
<taro@receiver.example>
""",
    ),
    (
        "gone",
        True,
        "POSTMASTER <postmaster@x.co.jp>",
        "failure notice",
        """\
このメールは「m-FILTER」が自動的に作成して送信しています。
メールサーバーとの通信中、下記の理由により
このメールは送信できませんでした。

以下のメールアドレスへの送信に失敗しました。
taro@receiver.example

-------server message
550 5.1.1 <taro@receiver.example>... User Unknown <taro@receiver.example>
-------SMTP command
RCPT
-------original message
""",
    ),
    (
        "refused",
        False,
        "POSTMASTER <postmaster@x.co.jp>",
        "failure notice",
        """\
このメールは「m-FILTER」が自動的に作成して送信しています。
下記の理由により
このメールは送信できませんでした。
taro@receiver.example

-------server message
550 <taro@receiver.example>: User unknown
-------SMTP command
DATA
-------original message
""",
    ),
    (
        "full",
        False,
        "postmaster@n.example.co.jp",
        "Undeliverable message",
        """\
------- Failure Reasons  --------

User taro (taro@receiver.example) mailbox is full
taro@receiver.example
------- Returned Message --------
""",
    ),
    (
        "gone",
        True,
        "postmaster@n.example.co.jp",
        "Undeliverable message",
        """\
------- Failure Reasons  --------

User not listed in public Name & Address Book
taro@receiver.example
------- Returned Message --------
""",
    ),
    (
        "trouble",
        False,
        "postmaster@n.example.co.jp",
        "Undeliverable message",
        """\
------- Failure Reasons  --------

ネットワークエラー
taro@receiver.example
------- Returned Message --------
""",
    ),
    (
        "gone",
        True,
        '"Mail Router" <mailrouter@x>',
        "DELIVERY FAILURE: User taro (taro@receiver.example) not listed in Domino Directory",
        """\
Your message

  Subject: Lunch

was not delivered to:

  taro@receiver.example

because:

  User taro (taro@receiver.example) not listed in Domino Directory
""",
    ),
    (
        "gone",
        True,
        "System Administrator <postmaster@x>",
        "Undeliverable: Lunch",
        """\
Your message

  To:      taro@receiver.example
  Subject: Lunch

did not reach the following recipient(s):

taro@receiver.example on Thu, 29 Apr 2007 23:34:45 +0900
    The recipient name is not recognized
	The MTS-ID of the original message is: c=jp;a= ;p=example
    MSEXCH:IMS:EXAMPLE:CAT:NEKO 0 (000C05A6) Unknown Recipient
""",
    ),
    (
        "refused",
        False,
        "System Administrator <postmaster@x>",
        "Undeliverable: Lunch",
        """\
did not reach the following recipient(s):

taro@receiver.example on Thu, 29 Apr 2007 23:34:45 +0900
    The recipient could not be processed because it would violate the security policy in force
""",
    ),
    (
        "gone",
        True,
        '"Postmaster" <postmaster@x>',
        "Undeliverable Mail",
        """\
Unknown user: taro@receiver.example

Original message follows.
""",
    ),
    (
        "gone",
        True,
        '"Postmaster" <postmaster@x>',
        "Undeliverable Mail",
        """\
Unknown host: taro@receiver.example

Original message follows.
""",
    ),
    (
        "trouble",
        False,
        '"Postmaster" <postmaster@x>',
        "Undeliverable Mail",
        """\
Delivery failed 20 attempts: taro@receiver.example

Original message follows.
""",
    ),
    (
        "gone",
        True,
        '"Postmaster" <postmaster@x>',
        "Undeliverable Mail",
        """\
Invalid final delivery userid: taro@receiver.example

Original message follows.
""",
    ),
    (
        "gone",
        True,
        "InterScan Notification <postmaster@x>",
        "Mail could not be delivered",
        """\
Sent <<< RCPT TO:<taro@receiver.example>
Received >>> 550 5.1.1 <taro@receiver.example>... User unknown
Unable to deliver message to <taro@receiver.example>
""",
    ),
    (
        "gone",
        True,
        "<>",
        "Delivery Status",
        """\
    --- The following addresses had delivery problems ---

<taro@receiver.example>   (User unknown : taro@receiver.example)
""",
    ),
    (
        "gone",
        True,
        "sysadmin@vzwpix.com",
        "Undeliverable: Lunch",
        """\
Your message

did not reach the following recipient(s):
taro@receiver.example


Message could not be delivered to mobile.
Error: No valid recipients for this MM
""",
    ),
    (
        "gone",
        True,
        "MAILER-DAEMON@x",
        "failure notice",
        """\
Hi. This is the qmail-send program at x.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<taro@receiver.example>:
Sorry, no mailbox here by that name. (#5.1.1)
""",
    ),
    (
        "gone",
        True,
        "MAILER-DAEMON@x",
        "failure notice",
        """\
Hi. This is the qmail-send program at x.

<taro@receiver.example>:
Sorry, I couldn't find any host named receiver.example. (#5.1.2)
""",
    ),
    (
        "trouble",
        False,
        "MAILER-DAEMON@x",
        "failure notice",
        """\
Hi. This is the qmail-send program at x.

<taro@receiver.example>:
CNAME lookup failed temporarily. (#4.4.3)
I'm not going to try again; this message has been in the queue too long.
""",
    ),
    (
        "full",
        False,
        "MAILER-DAEMON@x",
        "failure notice",
        """\
Hi. This is the qmail-send program at x.

<taro@receiver.example>:
The users mailfolder is over the allowed quota (size).
""",
    ),
    (
        "trouble",
        False,
        "MAILER-DAEMON@x",
        "failure notice",
        """\
Hi. This is the qmail-send program at x.

<taro@receiver.example>:
Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)
I'm not going to try again; this message has been in the queue too long.
""",
    ),
    (
        "trouble",
        False,
        "Mail Delivery Subsystem <MAILER-DAEMON@x.example>",
        "failure notice",
        """\
Hi. This is the qmail-send program at x.

<taro@receiver.example>:
This message is looping: it already has my Delivered-To line. (#5.4.6)
""",
    ),
    (
        "gone",
        True,
        "Mail Delivery Subsystem <MAILER-DAEMON@x.example>",
        "Mail delivery failed: returning message to sender",
        """\
A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  taro@receiver.example
    Unrouteable address

------ This is a copy of the message, including all the headers. ------
""",
    ),
    (
        "gone",
        True,
        "Mail Delivery Subsystem <MAILER-DAEMON@x.example>",
        "Mail delivery failed: returning message to sender",
        """\
A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  taro@receiver.example
    all relevant MX records point to non-existent hosts

------ This is a copy of the message, including all the headers. ------
""",
    ),
    (
        "full",
        False,
        "Mail Delivery Subsystem <MAILER-DAEMON@x.example>",
        "Mail delivery failed: returning message to sender",
        """\
recipients. This is a permanent error. The following address(es) failed:

  taro@receiver.example
    mailbox is full: retry timeout exceeded

------ This is a copy of the message, including all the headers. ------
""",
    ),
    (
        "gone",
        True,
        "Mail Delivery Subsystem <MAILER-DAEMON@x.example>",
        "Mail delivery failed: returning message to sender",
        """\
recipients. This is a permanent error. The following address(es) failed:

  taro@receiver.example
    user not found

------ This is a copy of the message, including all the headers. ------
""",
    ),
    (
        "trouble",
        False,
        "Mail Delivery Subsystem <MAILER-DAEMON@x.example>",
        "Warning: message 1a delayed 24 hours",
        """\
This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on x.

The address to which the message has not yet been delivered is:

  taro@receiver.example
    Delay reason: SMTP error from remote mail server after initial connection:
    421 too many connections

No action is required on your part. Delivery attempts will continue for
some time
""",
    ),
    (
        "trouble",
        False,
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        """\
Delivery to the following recipient failed permanently:

     taro@receiver.example

Technical details of permanent failure:
The recipient server did not accept our requests to connect. Learn more at http://mail.google.com/support/bin/answer.py?answer=7720
[mx.receiver.example (1): Connection timed out]

----- Original message -----
""",
    ),
    (
        "gone",
        True,
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        """\
Delivery to the following recipient failed permanently:

     taro@receiver.example

Technical details of permanent failure:
DNS Error: Domain name not found

----- Original message -----
""",
    ),
    (
        "gone",
        True,
        "Mailer Daemon <MAILER-DAEMON@x>",
        "Delivery status notification: failed",
        """\
    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

taro@receiver.example: 550 Invalid recipient

    Below is a copy of the original message:
""",
    ),
    (
        "trouble",
        False,
        "Mailer Daemon <MAILER-DAEMON@x>",
        "Delivery status notification: failed",
        """\
    An error has occurred while attempting to deliver a message for
    the following list of recipients:

taro@receiver.example: Network error on destination MXs

    Below is a copy of the original message:
""",
    ),
    (
        "refused",
        False,
        "MAILER-DAEMON@yahoo.com",
        "Failure Notice",
        """\
Sorry, we were unable to deliver your message to the following address.

<taro@receiver.example>:
Remote host said: 554 Message not allowed - [PH01] Email not accepted for policy reasons. Please visit http://postmaster.yahoo.com/errors/postmaster-27.html [120]

--- Below this line is a copy of the message.
""",
    ),
    (
        "gone",
        True,
        "MAILER-DAEMON@yahoo.com",
        "Failure Notice",
        """\
Sorry, we were unable to deliver your message to the following address.

<taro@receiver.example>:
No MX or A records for receiver.example

--- Below this line is a copy of the message.
""",
    ),
    (
        "refused",
        False,
        "Facebook <mailer-daemon@mx.facebook.com>",
        "Sorry, your message could not be delivered",
        """\
This message was created automatically by Facebook.

Your message to taro@receiver.example could not be delivered.
550 5.1.1 POL-P6 http://postmaster.facebook.com/response_codes?ip=192.0.2.135#pol Message refused
""",
    ),
    (
        "gone",
        True,
        '"MAILER-DAEMON" <MAILER-DAEMON@x>',
        "FAILURE NOTICE : Lunch",
        """\
  ----- The following addresses had permanent fatal errors -----

>>> taro@receiver.example <taro@receiver.example>

  ----- Transcript of session follows -----
550 sorry, no mailbox here by that name (#5.1.1 - chkusr)
""",
    ),
    (
        "refused",
        False,
        "postmaster@x",
        "Undeliverable mail: Lunch",
        """\
Your message could not be delivered to taro@receiver.example because it was identified as spam by our content filter
""",
    ),
    (
        "gone",
        True,
        '"Mail Administrator" <postmaster@mail.goo.ne.jp>',
        "Mail System Error - Returned Mail",
        """\
This Message was undeliverable due to the following reason:

Each of the following recipients was rejected by a remote mail server.
The reasons given by the server are included to help you determine why
each recipient was rejected.

    Recipient: <taro@receiver.example>
    Reason:    5.1.1 unknown or illegal alias
""",
    ),
    (
        "gone",
        True,
        "Mailer-Daemon@x",
        "Delivery failure",
        """\
Your message could not be delivered to the following recipients:

taro@receiver.example: ユーザが見つかりません
""",
    ),
    (
        "full",
        False,
        "MAILER-DAEMON@x",
        "エラーメール",
        """\
送信先のメールボックスの容量が制限を超えているため、配信できませんでした。
taro@receiver.example
""",
    ),
]
