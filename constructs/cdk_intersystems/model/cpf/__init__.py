"""CPF merge files: what turns an installed IRIS instance into a failover member or an ECP application server.

`member` and `application_server` say what each has to be; `document` is the form of such a file and its rules. All of it is
pure: the same deployment gives the same bytes.

A merge file holds no secret. What belongs to the first start alone is added by the host (`bootstrap/host/merge_file.py`),
to a copy that only IRIS can read and that is gone when it has started: the log-in by operating system user, with which the
host does everything later, and, where the image has the product installed, the hashes of passwords. For that `[Startup]` is
the first section, on a line of its own, and `[Actions]` the last.

**Never run on a licensed IRIS.** The names and their meaning are those of the Configuration Parameter File Reference,
Automating Configuration with Configuration Merge and the class reference; a test holds every rendered name against a table
of them. What the documentation leaves open, and a first run has to show (numbers: the list of what is unverified in the
facts on IRIS, `reference/iris.md`, section 9; without one: found here):

- 1: whether members that join with `SSLDir` stay pending until the primary authorizes them, as the host does
  (`bootstrap/host/steps/authorize.py`);
- 10: whether a second member has to be restarted after it joined: the host does so once if the member doesn't become backup;
- whether ConfigMirror passes `ECPAddress` on when a member joins (it is documented for the one that creates the mirror);
- whether `BindAddress=""` names the default superserver in ModifyServer, and `SYSTEM` the settings in ModifySystem.
"""
