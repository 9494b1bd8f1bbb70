#include <peer/peer.h>
#include <cstdio>

int main()
{
    char error[WEIR_NODE_ERROR_BYTES];
    weir_node_config config = {};
    config.with_loopback = true;
    weir_node *node = weir_node_open(&config, error);
    std::puts(node != nullptr ? "a node is open, from C++" : error);
    weir_node_close(node);
    return node == nullptr;
}
