/* Run a program whose sockets stay as the kernel makes them: stock COMMAND...
 *
 * SO_RCVBUF and SO_SNDBUF are accepted and ignored, as is whatever would force them, so that every program
 * has the kernel's default, 208 KiB where nobody changed it. Nothing else of the machine is touched.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define IF(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0)

int main(int argc, char **argv)
{
    struct sock_filter filter[] = {
        LOAD(nr),
        UNLESS(SYS_setsockopt, 8),
        LOAD(args[1]),
        UNLESS(SOL_SOCKET, 6),
        LOAD(args[2]),
        IF(SO_RCVBUF, 3),
        IF(SO_SNDBUF, 2),
        IF(SO_RCVBUFFORCE, 1),
        UNLESS(SO_SNDBUFFORCE, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };
    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("stock");
        return 1;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 1;
}
