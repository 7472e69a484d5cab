"""Names and ranges of the parameters of a CPF, from the sample and the parameters' own pages in the CPF guide."""

#: Sections whose parameters are names of the user's own.
FREE_SECTIONS = (
    "databases", "namespaces", "map.", "mapmirrors.", "mirrors", "ecpservers", "devices", "devicesubtypes", "magtapes",
    "comports", "licenseservers", "gateways", "workqueues", "sqlsysdatatypes", "sqluserdatatypes", "archives",
)  # fmt: skip

_NAMES = {
    "configfile": "product version",
    "mirrormember": (
        "agentaddress asyncmemberguid asyncmembertype asyncusesystempurgeinterval joinmirror systemname validatedmember "
        "virtualaddressinterface"
    ),
    "journal": (
        "alternatedirectory archivename backupsbeforepurge compressfiles currentdirectory daysbeforepurge filesizelimit "
        "freezeonerror journalfileprefix journalcspsession purgearchived"
    ),
    "startup": (
        "callinhalt callinstart clisysname dbsizesallowed defaultport defaultportbindaddress enablesharding enablevssbackup "
        "ensembleautostart errorpurge fipsmode ipv6 jobhalt jobservers jobstart licenseid maxconsolelogsize "
        "maxiristempsizeatstart passwordhash processhalt processstart shutdowntimeout systemhalt systemmode "
        "systemperformancedailyreportson systemperformancedailyreportsretentiondays systemstart tempdirectory terminalprompt "
        "webserver webservername webserverport webserverprotocol webserversslconfiguration webserverurlprefix zstu"
    ),
    "logging": "childprocesslaunchcommand enabled eventfilter format interval level",
    "config": (
        "libpath maxserverconn maxservers path pythonpath pythonruntimelibrary pythonruntimelibraryversion uuidv1randommac "
        "bbsiz console errlog globals gmheap history ijcbuff ijcnum jrnbufs locksiz memlock netjob nlstab overview pijdir "
        "routines targwijsz udevtabsiz wijdir zfheap"
    ),
    "miscellaneous": (
        "asyncdisconnecterr asyncherror breakmode collectresourcestats disconnecterr filemode globalkillenabled ieeeerror "
        "licensealtheaders linerecall listformat logrollback mvdefined nodenameinpid nullsubscripts oldzu5 openmode poperror "
        "refinkind scientificnotation setzeof shutdownlogerrors stopid switchosdir synchcommit telnetnul truncateoverflow "
        "undefined usenaglealgorithm viewpastdata zdatenull zamode"
    ),
    "ecp": "clientreconnectduration clientreconnectinterval servertroubleduration",
    "cluster": "commipaddress joincluster",
    "monitor": "otelinterval otelloglevel otellogs otelmetrics snmpenabled",
    "io": "file magtape other terminal",
    "sql": (
        "ansiprecedence adaptivemode allowrowidupdate autoparallel autoparallelthreshold "
        "autostatsforefficientsamplingtableonly autostatsforfixedstatstable autostatsforremoteglobaltable "
        "biasqueriesasoutlier clientmaxidletime comment ddldefinebitmapextent ddlfinal ddlno201 ddlno30 ddlno307 ddlno311 "
        "ddlno315 ddlno324 ddlno333 ddlsqlonlycompile ddluseextentset ddlusesequence defaultschema delimitedids dropdelete "
        "ecpsync extrinsicfunctions fastdistinct idkey idtrxfrom idtrxto lockthreshold locktimeout odbcvarcharmaxlen "
        "parametersampling queryprocedures rtpc referentialchecks savemac tcpkeepalive todatedefaultformat timeprecision"
    ),
    "telnet": "dnslookup port",
    "conversions": "lastconverttime",
    "debug": "dumpstyle semsperset",
}
PARAMETERS = {section: set(names.split()) for section, names in _NAMES.items()}

#: The ranges that the parameters' pages give; 0 and -1 stand for "by the system" where they are allowed at all.
RANGES = {
    ("config", "maxservers"): (0, 254),
    ("config", "maxserverconn"): (0, 254),
    ("config", "gmheap"): (16384, 1073741760),
    ("config", "jrnbufs"): (16, 1024),
    ("config", "locksiz"): (65536, 2**63),
    ("config", "memlock"): (0, 255),
    ("journal", "filesizelimit"): (0, 4079),
    ("journal", "daysbeforepurge"): (0, 100),
    ("journal", "backupsbeforepurge"): (0, 10),
    ("journal", "freezeonerror"): (0, 1),
    ("journal", "compressfiles"): (0, 1),
    ("startup", "defaultport"): (1, 65535),
    ("startup", "shutdowntimeout"): (120, 100000),
    ("ecp", "clientreconnectduration"): (10, 65636),
    ("ecp", "clientreconnectinterval"): (1, 60),
    ("ecp", "servertroubleduration"): (20, 65636),
    ("mirrormember", "joinmirror"): (0, 1),
    ("mirrormember", "validatedmember"): (0, 1),
    ("mirrormember", "asyncmembertype"): (0, 2),
}

#: What a new instance's CPF holds of interest here (CPF 1.1.2, "Sample CPF"); {mgr} is the manager's directory.
DEFAULT_CPF = """\
[ConfigFile]
Product=IRIS
Version={version}

[Databases]
IRISSYS={mgr}/
IRISSECURITY={mgr}/irissecurity/
IRISLIB={mgr}/irislib/
IRISTEMP={mgr}/iristemp/
IRISLOCALDATA={mgr}/irislocaldata/
IRISAUDIT={mgr}/irisaudit/
ENSLIB={mgr}/enslib/
IRISMETRICS={mgr}/irismetrics/
USER={mgr}/user/

[Namespaces]
%SYS=IRISSYS
USER=USER

[MirrorMember]
AgentAddress=
AsyncMemberGUID=
AsyncMemberType=0
AsyncUseSystemPurgeInterval=0
JoinMirror=0
SystemName=
ValidatedMember=0
VirtualAddressInterface=

[Journal]
AlternateDirectory=
ArchiveName=
BackupsBeforePurge=2
CompressFiles=1
CurrentDirectory=
DaysBeforePurge=2
FileSizeLimit=1024
FreezeOnError=0
JournalFilePrefix=
JournalcspSession=0
PurgeArchived=0

[Startup]
DefaultPort={port}
DefaultPortBindAddress=
IPv6=0
PasswordHash=
ShutdownTimeout=300
SystemMode=
WebServer=0
WebServerPort=80

[config]
MaxServerConn=1
MaxServers=2
Path=
bbsiz=-1
console=,
errlog=500
globals=0,0,0,0,0,0
gmheap=0
jrnbufs=64
locksiz=0
memlock=0
routines=0
targwijsz=0
wijdir=

[ECP]
ClientReconnectDuration=1200
ClientReconnectInterval=5
ServerTroubleDuration=60

[Monitor]
OTELInterval=10
OTELLogLevel=WARN
OTELLogs=0
OTELMetrics=0
SNMPEnabled=0
"""
