#include <peer/peer.h>
#include <stdio.h>

int main(void)
{
    char error[WEIR_NODE_ERROR_BYTES];
    struct weir_node *node = weir_node_open(&(struct weir_node_config){ .with_loopback = true }, error);
    puts(node != NULL ? "a node is open" : error);
    weir_node_close(node);
    return node == NULL;
}
