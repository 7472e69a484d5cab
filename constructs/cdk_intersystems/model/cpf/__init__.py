"""CPF merge files: what turns an installed IRIS instance into a failover member or an ECP application server.

`member` and `application_server` say what each has to be; `document` is the form of such a file and its rules. All of it is
pure: the same deployment gives the same bytes.

A merge file holds no secret. `[Startup] PasswordHash` is added by the host: `[Startup]` is the first section and stands on a
line of its own exactly once, so that the host, which has the hash from Secrets Manager in a file of mode 0600 as a line
`PasswordHash=...`, inserts that file after it into a copy of mode 0600, starts the instance with the copy and deletes both.

**Never run on a licensed IRIS.** The names and their meaning are those of the Configuration Parameter File Reference,
Automating Configuration with Configuration Merge and the class reference; a test holds every rendered name against a table
of them. What the documentation leaves open, and a first run has to show (numbers: the list of what is unverified in the
facts on IRIS, `reference/iris.md`, section 9; without one: found here):

- 1: whether members that join with `SSLDir` stay pending until the primary authorizes them, and how it does that
  unattended: the host has to do it, the merge file does not;
- 10: whether a second member has to be restarted after it joined;
- 4: whether OS authentication needs more than the services' setting: the host needs it for every later `iris merge`, and it
  is not in these files;
- whether ConfigMirror passes `ECPAddress` on when a member joins (it is documented for the one that creates the mirror);
- whether `BindAddress=""` names the default superserver in ModifyServer, and `SYSTEM` the settings in ModifySystem;
- that ECP clients are admitted with TLS only once their certificates' subjects are authorized on the data server
  (`SYS.ECP.AddAuthorizedCN`), which the host has to do on every member.
"""
