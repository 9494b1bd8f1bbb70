/* Who may talk to the demo: pages that it served itself. A page of any other origin could otherwise open
 * its WebSocket, drive it, and learn this host's addresses; and a name of somebody's that resolves to this
 * host would make their page the same origin. */
#define _GNU_SOURCE
#include <string.h>

#include "apps/demo/web.h"
#include "core/addr.h"

/* The host of "host", "host:port" or "[v6]:port". */
static struct weir_span host_of(const char *text)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
    if (text[0] == '[') {
        return end == NULL ? weir_span_of(text, 0) : weir_span_of(text + 1, (size_t)(end - text - 1));
    }
    return weir_span_of(text, end == NULL ? strlen(text) : (size_t)(end - text));
}

static bool is_name(struct weir_span host, const char *name)
{
    return host.n == strlen(name) && strncasecmp((const char *)host.p, name, host.n) == 0;
}

bool web_is_welcome(const struct web_config *config, const char *host, const char *origin)
{
    struct weir_span name = host_of(host);
    struct weir_addr literal;
    bool is_ours = name.n != 0 && (is_name(name, "localhost") || weir_addr_parse(name, &literal));
    for (unsigned i = 0; i < config->host_count; i++) {
        is_ours |= is_name(name, config->hosts[i]);
    }
    if (!is_ours || origin[0] == '\0') {
        return is_ours; /* what sends no Origin is no page */
    }
    const char *scheme = config->is_https ? "https://" : "http://";
    size_t n = strlen(scheme);
    return strncmp(origin, scheme, n) == 0 && strcasecmp(origin + n, host) == 0;
}
