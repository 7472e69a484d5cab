/* A stand-in for InterSystems' Web Gateway: an Apache module with the directives, the configuration file and the behaviour that the Web
 * Gateway Guide documents, as far as the tests need them. What it speaks to servers is made up, and what the fake IRIS understands: a
 * line "gateway tls", answered by "tls", or "gateway" alone; then, over TLS or not, "<user> <password> <path>", answered by
 * "<status>\n<body>".
 *
 * Where the guide leaves something open it behaves as is worst for who relies on it: it takes a request for one of its own pages if
 * any decoding of the address, in upper or lower case, names one. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apr_base64.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "httpd.h"

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"

#define MOST_SERVERS 64
/* "Server Response Timeout": a server that doesn't take the connection within it is passed over. Shorter here. */
#define CONNECT_MS 1000

module AP_MODULE_DECLARE_DATA csp_module_sa;

static const char *module_path, *config_path;
static volatile unsigned turns;

/* Web Gateway Guide, "Add the Web Gateway Modules to Your Web Server Configuration". */
static const char *set_module_path(cmd_parms *cmd, void *unused, const char *value) {
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    if (!wrong) module_path = value;
    return wrong;
}

static const char *set_config_path(cmd_parms *cmd, void *unused, const char *value) {
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    if (!wrong) config_path = value;
    return wrong;
}

/* "Configuring Apache Virtual Hosts": not within one. */
static const char *set_on(cmd_parms *cmd, void *dir, int on) {
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);
    if (!wrong) *(int *)dir = on;
    return wrong;
}

static const command_rec commands[] = {
    AP_INIT_TAKE1("CSPModulePath", set_module_path, NULL, RSRC_CONF, "folder of the programs"),
    AP_INIT_TAKE1("CSPConfigPath", set_config_path, NULL, RSRC_CONF, "folder of CSP.ini"),
    AP_INIT_FLAG("CSP", set_on, NULL, RSRC_CONF | ACCESS_CONF, "whether the Web Gateway answers"),
    {NULL}};

static void *make_dir(apr_pool_t *pool, char *name) {
    int *on = apr_pcalloc(pool, sizeof *on);
    *on = -1;
    return on;
}

static void *merge_dir(apr_pool_t *pool, void *base, void *add) {
    return *(int *)add == -1 ? base : add;
}

/* CSP.ini */

static char *ini_path(apr_pool_t *pool) { return apr_pstrcat(pool, config_path, "CSP.ini", NULL); }

static char *slurp(apr_pool_t *pool, int file) {
    char *text = apr_pcalloc(pool, 1 << 18);
    size_t have = 0;
    ssize_t more;
    lseek(file, 0, SEEK_SET);
    while (have < (1 << 18) - 1 && (more = read(file, text + have, (1 << 18) - 1 - have)) > 0) have += more;
    return text;
}

static char *value_of(apr_pool_t *pool, const char *ini, const char *section, const char *key) {
    char *line, *rest, *copy = apr_pstrdup(pool, ini), *heading = apr_pstrcat(pool, "[", section, "]", NULL);
    size_t length = strlen(key);
    int inside = 0;
    for (line = apr_strtok(copy, "\n", &rest); line; line = apr_strtok(NULL, "\n", &rest)) {
        if (*line == '[')
            inside = !strcmp(line, heading);
        else if (inside && !strncmp(line, key, length) && line[length] == '=')
            return apr_pstrdup(pool, line + length + 1);
    }
    return NULL;
}

static int says(apr_pool_t *pool, const char *ini, const char *section, const char *key, const char *wanted) {
    const char *value = value_of(pool, ini, section, key);
    return value && !strcmp(value, wanted);
}

/* "Using Scripts External to InterSystems IRIS": the flag is taken out. "Retrieve Passwords Programmatically": the command stands encoded
 * in the file from then on. The file is written in place, as the guide's labels for SELinux suggest. */
static char *read_ini(request_rec *r) {
    apr_pool_t *pool = r->pool;
    char *line, *rest, *text, *copy, *changed = "";
    int file = open(ini_path(pool), O_RDWR);
    if (file < 0) return NULL;
    flock(file, LOCK_EX);
    text = slurp(pool, file);
    if (says(pool, text, "SYSTEM", "RELOAD", "1")) {
        copy = apr_pstrdup(pool, text);
        for (line = apr_strtok(copy, "\n", &rest); line; line = apr_strtok(NULL, "\n", &rest)) {
            if (!strcmp(line, "RELOAD=1")) continue;
            if (!strncmp(line, "Password=", 9) && strncmp(line + 9, "]]]", 3))
                line = apr_pstrcat(pool, "Password=]]]", ap_pbase64encode(pool, line + 9), NULL);
            changed = apr_pstrcat(pool, changed, line, "\n", !strcmp(line, "[SYSTEM]") ? "Configuration_Modified=now\n" : "", NULL);
        }
        lseek(file, 0, SEEK_SET);
        if (ftruncate(file, 0) || write(file, changed, strlen(changed)) < 0) changed = text;
        text = changed;
    }
    close(file);
    return text;
}

static char *password_of(request_rec *r, const char *ini, const char *server) {
    char *value = value_of(r->pool, ini, server, "Password"), *printed = apr_pcalloc(r->pool, 1024);
    FILE *command;
    if (!value) return "";
    if (!strncmp(value, "]]]", 3)) value = ap_pbase64decode(r->pool, value + 3);
    if (*value != '{') return value;
    value = apr_pstrndup(r->pool, value + 1, strlen(value) - 2);
    command = popen(value, "r");
    if (!command || !fgets(printed, 1024, command)) printed = "";
    if (command) pclose(command);
    return printed;
}

/* The servers */

static int connect_to(const char *address, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    struct pollfd ready;
    int failed = 0, made = -1;
    socklen_t size = sizeof failed;
    if (getaddrinfo(address, port, &hints, &found)) return -1;
    made = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(made, found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS) failed = errno;
    ready = (struct pollfd){.fd = made, .events = POLLOUT};
    if (!failed && poll(&ready, 1, CONNECT_MS) != 1) failed = ETIMEDOUT;
    if (!failed) getsockopt(made, SOL_SOCKET, SO_ERROR, &failed, &size);
    freeaddrinfo(found);
    if (failed) {
        close(made);
        return -1;
    }
    fcntl(made, F_SETFL, fcntl(made, F_GETFL) & ~O_NONBLOCK);
    return made;
}

/* Asks a server; NULL if it can't be reached or isn't who it should be. */
static char *ask(request_rec *r, const char *ini, const char *server) {
    apr_pool_t *pool = r->pool;
    char *address = value_of(pool, ini, server, "Ip_Address"), *port = value_of(pool, ini, server, "TCP_Port"), *answer;
    char *question, *level = value_of(pool, ini, server, "Connection_Security_Level");
    int have = 0, more, line = address && port ? connect_to(address, port) : -1;
    SSL_CTX *context;
    SSL *tls;
    if (line < 0) return NULL;
    answer = apr_pcalloc(pool, 4096);
    question = apr_pstrcat(pool, value_of(pool, ini, server, "Username"), " ", password_of(r, ini, server), " ", r->unparsed_uri, "\n", NULL);
    if (level && !strcmp(level, "10")) {
        if (write(line, "gateway tls\n", 12) != 12 || recv(line, answer, 4, MSG_WAITALL) != 4 || strncmp(answer, "tls\n", 4)) {
            close(line);
            return NULL;
        }
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(context, says(pool, ini, server, "SSLCC_Protocol_Min", "16") ? TLS1_2_VERSION : 0);
        if (says(pool, ini, server, "SSLCC_Verify_Peer", "1")) {
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
            SSL_CTX_load_verify_locations(context, value_of(pool, ini, server, "SSLCC_CA_Certificate_File"), NULL);
        }
        tls = SSL_new(context);
        SSL_set_fd(tls, line);
        if (SSL_connect(tls) == 1) {
            SSL_write(tls, question, strlen(question));
            while (have < 4095 && (more = SSL_read(tls, answer + have, 4095 - have)) > 0) have += more;
        } else {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "%s: no TLS: %s", server, ERR_error_string(ERR_get_error(), NULL));
        }
        SSL_free(tls);
        SSL_CTX_free(context);
    } else if (write(line, "gateway\n", 8) == 8 && write(line, question, strlen(question)) > 0) {
        while (have < 4095 && (more = read(line, answer + have, 4095 - have)) > 0) have += more;
    }
    close(line);
    return have ? answer : NULL;
}

/* "Load Balancing and Failover Between Multiple InterSystems IRIS Server Instances": new sessions in turn, an old one stays where it is
 * unless the server is unavailable. */
static int route(request_rec *r, const char *ini, const char *section) {
    apr_pool_t *pool = r->pool;
    char *servers[MOST_SERVERS], *answer, *entry, *cookie;
    const char *cookies = apr_table_get(r->headers_in, "Cookie");
    int count = 0, number, first = 0, attempt;
    for (number = 0; number < MOST_SERVERS; number++) {
        entry = value_of(pool, ini, section, apr_psprintf(pool, "Alternative_Server_%d", number));
        if (!entry) break;
        while (*entry == '1' || *entry == '~') entry++;
        if (says(pool, ini, "SYSTEM_INDEX", entry, "Enabled")) servers[count++] = entry;
    }
    if (says(pool, ini, section, "Alternative_Servers", "LoadBalancing") && count) first = turns++ % count;
    for (number = 0; number < count; number++) {
        cookie = apr_pstrcat(pool, "session=", servers[number], NULL);
        if (cookies && strstr(cookies, cookie)) first = number;
    }
    for (attempt = 0; attempt < count; attempt++) {
        number = (first + attempt) % count;
        answer = ask(r, ini, servers[number]);
        if (!answer) continue;
        r->status = atoi(answer);
        ap_set_content_type(r, "text/plain");
        apr_table_setn(r->headers_out, "Set-Cookie", apr_pstrcat(pool, "session=", servers[number], "; path=/", NULL));
        answer = strchr(answer, '\n');
        ap_rputs(answer ? answer + 1 : "", r);
        return OK;
    }
    r->status = HTTP_SERVICE_UNAVAILABLE;
    ap_set_content_type(r, "text/plain");
    ap_rputs("Server Availability Error", r);
    return OK;
}

/* Requests */

static void decode_once(char *text) {
    char *to = text, digits[3] = {0};
    for (; *text; text++) {
        if (*text == '%' && apr_isxdigit(text[1]) && apr_isxdigit(text[2])) {
            digits[0] = text[1], digits[1] = text[2];
            *to++ = strtol(digits, NULL, 16);
            text += 2;
        } else {
            *to++ = *text;
        }
    }
    *to = 0;
}

static int names_own_page(apr_pool_t *pool, const char *address) {
    char *text = apr_pstrndup(pool, address, strcspn(address, "?"));
    int round;
    for (round = 0; round < 4; round++) {
        ap_str_tolower(text);
        if (strstr(text, ".cxw")) return 1;
        decode_once(text);
    }
    return 0;
}

static int handle(request_rec *r) {
    int *on = ap_get_module_config(r->per_dir_config, &csp_module_sa);
    char *ini, *path, *end, *section;
    if (*on != 1) return DECLINED;
    apr_table_setn(r->headers_out, "X-Fake-Gateway", "reached");
    if (names_own_page(r->pool, r->unparsed_uri) || names_own_page(r->pool, r->uri)) {
        ap_set_content_type(r, "text/plain");
        ap_rputs("MANAGEMENT", r);
        return OK;
    }
    ini = read_ini(r);
    if (!ini) return HTTP_INTERNAL_SERVER_ERROR;
    /* "Through the Web Gateway": the profile of the most specific path. */
    for (path = apr_pstrdup(r->pool, r->uri); *path; *end = 0) {
        section = apr_pstrcat(r->pool, "APP_PATH:", path, NULL);
        if (says(r->pool, ini, "APP_PATH_INDEX", path, "Enabled")) return route(r, ini, section);
        if (!(end = strrchr(path, '/'))) break;
    }
    return HTTP_NOT_FOUND;
}

/* "Files to Consider": both programs stand in the same folder. */
static int check(apr_pool_t *conf, apr_pool_t *log, apr_pool_t *temp, server_rec *s) {
    if (!module_path || !config_path || access(apr_pstrcat(temp, module_path, "CSPa24Sys.so", NULL), R_OK)) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, s, "CSPModulePath or CSPConfigPath is missing, or CSPa24Sys.so");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static void hooks(apr_pool_t *pool) {
    ap_hook_post_config(check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_FIRST);
}

module AP_MODULE_DECLARE_DATA csp_module_sa = {STANDARD20_MODULE_STUFF, make_dir, merge_dir, NULL, NULL, commands, hooks};
