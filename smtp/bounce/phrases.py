"""What mail systems and carriers say, and which cause it is: the particular before the general.

Owns the table; each line holds alternatives of a regular expression on a text that `smtp.bounce.words` made normal
(small letters, single spaces, no hosts, no addresses). A phrase is here because a kind of system says it, never
because one message does. Every gap is bounded and no repetition is nested, so that a search is linear. Order
matters: the first cause that fits is taken. Refuses codes and commands: `smtp.bounce.judge` weighs those. Cannot
fail.
"""

from smtp.bounce.cause import Cause

TABLE: tuple[tuple[Cause, str], ...] = (
    (Cause.VIRUS, r"""
        virus(?!-| & )|malware|infected|worm detected|trojan|ウ[イィ]ルス
        """),
    (Cause.MAILBOX_FULL, r"""
        (?:mail ?box|mail folder|in-?box|message box|account|user).{0,40}\b(?:is|too|almost|temporarily|being)?.{0,8}\bfull\b
        |mail ?box (?:size |storage )?(?:full|limit|quota)|mailbox exceed
        |(?:is |mail ?box |user )?over ?-?quota|quota.{0,30}(?:exceed|full|reached|violat|limit)
        |(?:exceed|over|out of|reached|violat|above)\w{0,4}.{0,50}(?<!user-specified )quota
        |exceeds? allowed size|mailbox.{0,30}(?:size|limit).{0,20}exceed|too much mail data
        |(?:mail|disk|user|storage) quota|storage (?:limit|allocation|space)|out of storage
        |has too many messages
        |(?:not enough|insufficient|no) (?:disk |storage |mailbox |free )*space (?:for user|in (?:the )?(?:mailbox|inbox)|available for)
        |insufficient (?:disk |storage )*space|quotaexceeded|no more (?:space|room)
        |maildir.{0,20}(?:full|quota)
        |(?:mailbox|inbox|account).{0,60}(?:too much mail|receiving mail at a rate|full and can)
        |(?:メール ?ボックス|受信箱|メールbox|容量|ボックス).{0,25}(?:一杯|いっぱい|満杯|満ち|オーバー|超過|超え|不足|制限)|box(?:es)? plein
        |bo[iî]te.{0,30}(?:pleine|satur)|postfach.{0,20}(?:voll|überf)|переполнен|邮箱.{0,10}满
        """),
    (Cause.EXCEEDS_LIMIT, r"""
        message (?:length|size) exceeds (?:limit set|the limit set|administrative limit|the maximum.{0,40}recipient|recipient)
        |recipsizelimit|message.{0,20}too large.{0,30}(?:recipient|mailbox)
        |exceeds (?:the )?recipient'?s? (?:size )?limit
        """),
    (Cause.TOO_BIG, r"""
        (?:message|mail|body|attachment|content|file|object|data|e-?mail|line)s? (?:\w+ ){0,3}(?:is |are |was )?too (?:big|large|long)
        |(?:message|mail|maximum|max|fixed|maximal|allowed|content|file|body|line|header) ?(?:message |mail |file )?(?:size|length)? ?limit.{0,20}exceed
        |size (?:of )?.{0,40}exceed
        |exceeds? .{0,50}(?:message|mail|maximum|allowed|permitted|fixed|content)? ?(?:size|length)
        |(?:max|maximum) message size|oversized? message|sendsizelimit|message too (?:big|large)
        |サイズ.{0,20}(?:超|大き|制限|オーバー)|大きすぎ
        """),
    (Cause.NO_RELAYING, r"""
        relay(?:ing)? (?:access |mail |operation )?(?:is |was |has been )?(?:denied|not (?:permitted|allowed|supported|authorized)|prohibited|rejected|restricted|disallowed|forbidden)
        |(?:unable|not (?:permitted|allowed|authorized)|cannot|refus\w+|do(?:es)? not|don't|no permission|insecure) to? ?(?:mail )?relay
        |relay access|rcpthosts|no relaying|mail relay|open relay|relaying
        |not (?:a )?(?:local|gateway|relay)(?: host| domain)|isn't in my (?:list of )?(?:allowed )?
        |(?:中継|リレー).{0,15}(?:拒否|許可|でき)
        """),
    (Cause.AUTH_FAILURE, r"""
        \bdmarc\b|\bspf\b|sender policy framework|sender id\b|unauthenticated (?:e-?mail|message|mail)
        |\bdkim\b(?!-signature)|domainkeys
        |(?:does(?: not|n't)|did(?: not|n't)|fail\w{0,3}|not) (?:to )?(?:pass )?(?:the )?authentication (?:check|require|result|info)
        |送信ドメイン認証|なりすまし|sender is unauthenticated|authentication (?:checks?|results?) fail
        |not authenticated|5\.7\.(?:2[0-46-9]|30|509)\b
        """),
    (Cause.REQUIRES_PTR, r"""
        \bptr\b|reverse[ -]?(?:dns|lookup|mapping|host|resolution|ip|hostname)|\brdns\b|\brevdns\b
        |no reverse|fcrdns
        |(?:can(?: ?not|'t)|unable to|could not|failed to) (?:find|resolve|lookup) your (?:reverse |ip |client )?(?:host|address|domain|ip)
        |client host.{0,40}cannot find your|ip name (?:lookup|possibly forged)|possibly forged
        |dynamic(?:ally)?[ /-].{0,20}ip|逆引き|forward dns entry|non-?fqdn|is not fqdn
        """),
    (Cause.TOO_MANY_CONNECTIONS, r"""
        frequency limited|\bcon-t\d|too many (?:\w+ ){0,3}(?:connect\w{0,4}|sessions|recipients)
        |connections? (?:frequency|rate|limit|number).{0,20}(?:limit|exceed|reach)?
        |too many (?:simultaneous|concurrent)|max(?:imum)? (?:number of )?(?:\w+ ){0,2}connections
        |(?:concurrent|simultaneous) (?:smtp )?(?:connection|session)|(?:接続|コネクション)数?.{0,12}(?:超|制限|多)
        """),
    (Cause.TOO_FAST, r"""
        rate[ -]?limit|too (?:fast|many (?:messages|e?-?mails?|errors|requests|bad commands))|throttl
        |(?:sending|mail|message|delivery) rate|unusual rate|volume|slow down|try again slowly
        |exceed\w{0,3} .{0,40}\brate\b|limit.{0,20}per (?:hour|minute|day|connection|session)|送信(?:数|制限|頻度)
        """),
    (Cause.NOT_COMPLIANT, r"""
        (?:not|non|isn't)[ -]?(?:rfc ?-?\d{3,4}|5322)[ -]?complian
        |rfc ?-?(?:5321|5322|2821|2822|822|2045|2047).{0,40}(?:complian|violat|conform|standard)
        |(?:multiple|missing|duplicate) (?:from|subject|date|to|message-id) header
        """),
    (Cause.HAS_MOVED, r"""
        (?:user|recipient|mailbox|address|account|addressee).{0,30}\b(?:has |have )?(?:been )?(?:moved|replaced|renamed|relocated)
        |has been replaced by|moved (?:permanently|to)|mailbox has moved|address (?:is |has )?changed
        |not our customer|アドレス.{0,12}変更(?:され|にな|しま)
        """),
    (Cause.SUSPENDED, r"""
        (?:account|user|mail ?box|recipient|address|customer|login|domain|subscriber)(?:\(s\))?.{0,50}\b(?:is |has |was |been |are )*(?:currently |temporarily |permanently )?(?:suspended|disabled|deactivated|de-activated|inactive|locked|terminated|discontinued|frozen|closed|blocked due to inactivity|not active|disabled or discontinued|on hold|over 2 months)
        |(?:suspended|disabled|deactivated|inactive|closed|expired|locked) (?:user|account|mailbox|recipient|address|customer)
        |not active|account (?:has )?expired|invalid/inactive|is a deactivated
        |this account is not being used|extended inactivity|temporarily limited|administrative?ly disabled
        |no longer accepts mail|(?:利用|使用|アカウント|サービス).{0,12}(?:停止|休止|解約|終了|廃止)|停止(?:中|され)|解約
        """),
    (Cause.REJECTED, r"""
        (?:sender|from address|from domain|from:|originator|return[ -]?path|reverse[ -]?path|mail from|envelope[ -]from|originating)(?:'s)?.{0,40}(?:reject|denied|refus|not (?:exist|found|valid|verified|allowed|permitted|resolve|accepted|owned)|invalid|unknown|bad|blocked|verify|verification|unresolvable|misconfigured|forbidden|does ?n[o']t)
        |(?:invalid|bad|unknown|forged|unverified|illegal|null|rejected|unresolvable) (?:\w+ )?(?:sender|return[ -]?path|reverse[ -]?path|mail from)
        |domain of sender|sender domain|not (?:a )?(?:list )?member|are not member|not subscribed
        |google groups|\[(?:tss?|bl|pr)\d\d\]|\(#ts\d|\bpol-p\d|permission(?:s)? to post
        |only (?:allowed|members)|unexpected volume or user complaints|access to this mail system
        |senders?.{0,20}(?:not allowed|not authorized)
        |cannot resolve (?:the )?(?:address of )?(?:your|sender)|domain name of your (?:sender|mail)
        |not accept(?:ing|ed)? (?:any )?(?:mail|messages?) from|送信者.{0,15}(?:拒否|制限|許可)
        |送信元.{0,12}(?:拒否|ドメイン|アドレス)|emetteur|expéditeur.{0,20}(?:refus|invalid|bloqu)
        """),
    (Cause.SECURITY, r"""
        authentication (?:required|turned on|is required)
        |security (?:violation|restriction|reason|check|polic)|authrequired|encryption (?:required|needed)
        |must issue a starttls|secure (?:channel|connection)|tls (?:is )?required|executable
        |dangerous (?:file|attach)|attachment.{0,30}(?:not|reject|prohibit|block|type|deni)
        |(?:illegal|prohibit\w*|blocked|forbidden|unacceptable|disallowed) (?:\w+ )?attachment
        |添付.{0,20}(?:拒否|禁止|制限)
        """),
    (Cause.FAILED_TLS, r"""
        starttls|tls (?:negotiation|handshake|error)|certificate (?:verif|expired|invalid|not)
        """),
    (Cause.SPAM, r"""
        (?<!anti-)(?<!anti)\bspam\w{0,4}\b(?!haus|cop)|unsolicited|unwanted|\bube\b|\buce\b
        |junk (?:mail|message|e-?mail)|bulk (?:e?-?mail|message)|message content (?:rejected|refused)
        |content (?:was )?(?:reject|filter)|(?:looks|look) like|score|suspicious|hashed|phish
        |mail rejet[eé]|迷惑メール|迷惑
        |(?:blocked|rejected|refused) (?:by|because of|due to|for) (?:our |the |its )?(?:bulk|spam|content)
        """),
    (Cause.BLOCKED, r"""
        block ?-?list|black ?-?list|deny ?list|invalid ip\b|\bdn[sw]?bl\b|\brbl\b|spamhaus|spamcop|sorbs
        |abuseat|barracuda|cloudmark|proofpoint|senderbase|mail-abuse|\bcbl\b|\bpbl\b|\bxbl\b|\bsbl\b
        |\(bl\)|(?<!not )\blisted (?:in|at|on|by)|(?:is|was|been|are|temporarily|were) (?:\w+ )?blocked
        |blocked (?:using|by|for|ip)|block(?:ed)? ip|client host|connecting (?:ip|host)
        |(?:your |the |remote |client )(?:ip|host|server|network|mail server|isp)\b.{0,60}(?:reject|block|denied|refus|not allowed|not permitted|banned|prohibit|reputation|forbidden|blacklist|list|not accept)
        |ip(?: address)?[ =:].{0,40}(?:block|reject|banned|denied|refused|problem)
        |(?:bad|poor|low) reputation|reputation|access (?:from|by) .{0,40}(?:denied|blocked)
        |(?:connection|session|connect\w*|service) (?:is |was )?(?:rejected|denied|not allowed|dropped due|blocked|closed due)
        |refused to talk to me|unfortunately, messages from|invalid domain name
        |please use the smtp server of your isp|banned
        |(?:invalid|bad|rejected|unknown|forged|illegal|missing).{0,20}(?:helo|ehlo)
        |(?:helo|ehlo)\b.{0,40}(?:reject|invalid|denied|refus|not |bad|must|fqdn|require)|name was rejected
        |no access from mail server|server access.{0,60}forbidden|administratively (?:denied|prohibited)
        |bad dns|接続拒否|接続を拒否
        """),
    (Cause.NETWORK, r"""
        (?:lost connection|conversation) with |did not accept our requests
        |lowest numbered mx record points to local|\bdns-[pt]\d|host lookup did not complete
        |connect to .{0,80}: |host (?:or domain name )?not found, try again
        |name service error.{0,80}try again|temporary (?:lookup|dns|name)
        |dns (?:query|server|lookup).{0,40}(?:timeout|timed out|temporar)|host name lookup failure
        |dns error.{0,80}(?:servfail|timeout|refused)
        """),
    (Cause.NOT_ACCEPTING, r"""
        null ?mx|seems? to reject all mails?|no mx found for domain
        |does(?:n't| not) (?:accept|receive) (?:any )?(?:e?-?mail|messages?|incoming)|no smtp service
        |mail receiving disabled|host (?:or domain )?does not accept|never (?:accepts|receives)
        |couldn't find a mail exchanger
        |(?:server|system|host|destination|domain) (?:is )?(?:currently |temporarily )?(?:not|isn't) accept\w*(?: any)?(?: network)? ?(?:e?-?mail|messages?)?
        |not accepting (?:network )?(?:messages|mail)|no longer accept\w* mail
        |smtp service (?:is )?(?:not available|unavailable|disabled)|メール.{0,8}受信し(?:て|ない)
        """),
    (Cause.HOST_UNKNOWN, r"""
        (?:host|domain)(?: or domain)?(?: name)?.{0,60}\b(?:is |was )?(?:unknown|not found|invalid|unrecogni[sz]ed|not (?:exist|known|be found|valid)|does ?n[o']t exist|couldn't be found|non-?existent|has no (?:mx|mail))
        |(?:unknown|no such|invalid|illegal|non-?existent|unrecogni[sz]ed|bad|incorrect) (?:destination |mail |recipient |remote |internet )?(?:host|domain)
        |couldn't find any host|nxdomain|remote domain doesn'?t exist|unrout(?:e)?able
        |no route found for domain|all host address lookups failed
        |all relevant mx records point to non-existent|\bno mx\b
        |(?:mx|dns) (?:record|entry|records).{0,30}(?:not found|not exist|none|missing|no )
        |not listed in domain name|cannot find (?:the )?(?:host|domain)|no mail ?exchanger
        |ドメイン.{0,20}(?:存在|見つか|不明|ありま)|ホスト.{0,15}(?:存在|見つか|不明)
        """),
    (Cause.USER_UNKNOWN, r"""
        (?:user|recipient|address\w{0,4}|mail ?box|mailname|alias|addressee|account|local ?part|name|destinataire|member|inbox|userid|e-?mail|customer|person|forward-path)s?(?:\(s\))?[^.;]{0,60}\b(?:unknown|not (?:be )?(?:found|known|exist|existing|listed|recogni[sz]ed|local|valid|registered|present|in (?:our|the) (?:list|directory|database))|does ?n[o']t (?:exist|have)|couldn't be found|could not be found|is n[o']t (?:found|known|valid|listed)|non-?existent|no longer (?:exist|valid|available|on)|undeliverable|unavailable|not available|unrecogni[sz]ed|inconnue?|introuvable|invalide|bad|doesn't have an? )
        |(?:unknown|no such|no|invalid|non-?existent|bad|incorrect|undeliverable|unrecogni[sz]ed|not a valid|wrong) (?:or \w+ |local |destination |recipient'?s? |mail ?box |e-?mail |user'?s? |internet |virtual |mail )?(?:user\w{0,4}|recipients?|addressee|address(?:es)?|mail ?box(?:es)?|mail ?drop|account|person|alias|local[ -]?part|subscriber|customer|forward-path|destination|name\b|uid|entry)
        |(?:リスト|ディレクトリ|名簿).{0,20}あ?りません|\brcp-p\d|recipnotfound|user\.unknown|adr\.recip|notfound
        |not our (?:user|customer)|mailbox (?:unavailable|not found)
        |not (?:a )?(?:known|valid) (?:user|address|mailbox|recipient)|there is no(?: such)?
        |no one by that name|isn't (?:a )?(?:valid|known)|has no (?:such )?(?:mailbox|account)
        |address not present|unable to (?:validate|verify) recipient|badrcpt|is not local|no existe
        |desconocido|не найден|не существует|нет такого|unbekannt|gibt es nicht|nicht (?:gefunden|bekannt)
        |adresse d.{1,3}au moins un destinataire invalide|destinataire.{0,20}(?:invalid|inconnu)
        |(?:アドレス|宛先|ユーザー?|受信者|アカウント|メールボックス|相手).{0,40}(?:見つか|存在|不明|無効|間違|誤り|ありません|確認でき|登録され)|あて先不明|宛先不明
        |該当.{0,12}ユーザ
        """),
    (Cause.POLICY, r"""
        polic(?:y|ies)|violat|greylist|graylist
        """),
    (Cause.USER_UNKNOWN, r"""
        no valid recipients?|check (?:if|that|whether) (?:the )?(?:e-?mail )?address|recipient address rejected
        |(?:recipients?|address(?:es)?) (?:was |were |is |has been )?(?:rejected|refused)
        |rejected (?:address|recipient|your message to)
        """),
    (Cause.FILTERED, r"""
        (?:recipient|user|customer|addressee|subscriber)(?:'s|s)?.{0,50}\b(?:refuse|reject|filter|block|restrict|chosen not|not want|only accept|not accepting|does(?:n't| not) accept|prohibit|denied)
        |(?:rejected|refused|blocked|filtered) by (?:the |its |his )?(?:recipient|user|customer|addressee)
        |delivery (?:to this address )?is restricted|rst\.not|message filter|filtered
        |private (?:list|address)|not allowed to (?:send|mail) to|受信(?:拒否|制限|を拒否|できな)|受け取り?拒否|指定受信|拒否設定
        |フィルタ|拒否(?:され|しま|して)
        """),
    (Cause.SYSTEM_FULL, r"""
        no space left|insufficient system (?:storage|resource)
        |(?:disk|system|spool|partition|server)\w{0,3} (?:is )?full|system storage|out of (?:disk|memory)
        |ディスク.{0,10}(?:不足|フル)
        """),
    (Cause.CONTENT, r"""
        duplicate header|header|malformed
        |(?:mime|8-?bit|charset|encoding|bare (?:lf|cr)|line feed|nul|character set).{0,40}(?:error|invalid|illegal|not|bad|problem|reject)
        |(?:bad|invalid|illegal) (?:character|content|mime|message format)|message (?:format|contains)
        |improper|conversion|ヘッダ|不正な(?:文字|形式)
        """),
    (Cause.MAILER, r"""
        pipe to|pipe \||\bprocmail\b|mailer error|unknown mailer|exit(?:ed)? (?:status|code|with)|x-unix
        |command (?:died|failed|output|time)|program (?:failed|error)|return(?:ed)? (?:code|status)
        |process (?:failed|died)|child process|cannot (?:append|open|lock|write)|core dump
        |failed to read response
        """),
    (Cause.EXPIRED, r"""
        failed \d{1,3} attempts|not responding|retry time\w{0,4} (?:not (?:been )?reached|exceeded)
        |(?:could|can|has|have|was) ?(?:not|n't) (?:be |been )?delivered (?:for|within|in|after|since)
        |(?:message|delivery|envelope|mail|queue)(?: \w+)? (?:time )?expired|expired|queue too long
        |too long in (?:the )?queue|could not deliver for|failing for a long time|retr(?:y|ied|ies) for
        |retry timeout|delivery retry|(?:been )?delayed|will be retried|will (?:retry|continue|keep|try)
        |warning message only|still (?:in|being)|delivery time|timed?[ -]?out|giving up
        |cannot send message for|ceased|maximum retr|gave up|deferred|再送|配送.{0,8}遅|期限|遅延|一時的
        """),
    (Cause.NETWORK, r"""
        network (?:is )?unreachable
        |connection (?:was )?(?:refused|timed? ?out|reset|lost|dropped|died|closed|failed|to .{0,80}(?:failed|refused))
        |no route to
        |(?:unable|wasn't able|could ?n[o']t|failed|not able|not) (?:to )?(?:establish|connect|open|contact|reach)
        |name ?server|host name lookup|dns|lookup (?:failure|failed|error)|loops? back|loop|too many hops
        |hop count|lost connection|unable to resolve
        |no (?:answer|response|available) (?:from )?(?:host|server|hosts|servers)?
        |host (?:is )?(?:down|unreachable|not (?:reachable|available))|network (?:error|problem|failure)
        |connect to|address family|mx.{0,30}(?:itself|local host)|unreachable|接続でき|ネットワーク
        """),
    (Cause.SYSTEM, r"""
        (?:local|internal|configuration|software|system|server|protocol|unexpected|operating|processing|hardware|disk|file|i/o|database|config)\w{0,3} (?:configuration |server |software |system )?(?:error|problem|fail|trouble)
        |(?:server|service|system|mail system|resource)s? (?:is |are |currently |temporarily )*(?:busy|unavailable|overload|not available|down|refus|under maintenance)
        |temporar|try (?:again )?later|try again|could not load|please retry|service not|maintenance|later
        |over ?load|システム.{0,10}(?:エラー|障害)|混雑|メンテナンス|障害
        """),
    (Cause.SYNTAX, r"""
        syntax|malformed address
        |(?:command|verb).{0,20}(?:unrecogni[sz]ed|not (?:recogni[sz]ed|implemented|supported)|unknown|invalid)
        |(?:unrecogni[sz]ed|invalid|unknown|bad) (?:command|sequence)|unexpected (?:eof|command|response)
        |angle[ -]?bracket|missing or malformed|may not follow|expected word
        """),
    (Cause.POLICY, r"""
        not (?:authori[sz]ed|permitted|allowed|acceptable|accepted|compliant)|prohibit|restrict|forbidden
        |violat|denied|disallow|refus|reject|access|許可|禁止|拒否|制限
        """),
)  # fmt: skip
