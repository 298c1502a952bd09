/* The control socket's transport: AF_UNIX SOCK_SEQPACKET, one JSON document per packet, ≤ 64 KiB.
 * Server side hands out file descriptors for the caller's event loop; nothing blocks there. */
#pragma once
#include "base/err.h"
#include <jansson.h>
#include <sys/types.h>

#define IPC_MAX_BYTES 65536
#define IPC_PROTOCOL  1

/* Server. The path is at most 107 bytes; a stale socket file (nobody listens) is replaced, a live
 * one gives ERR_BUSY. Mode 0660. */
int ipc_listen(const char *path, int *ret_fd, struct err *e);
int ipc_accept(int listen_fd, int *ret_fd, uid_t *ret_uid, pid_t *ret_pid); /* non-blocking fd */

/* Client. Connects, reads the hello {"lotline":PROTOCOL,"version":…}, which the daemon sends right
 * after ipc_accept, and checks it. ERR_UNREACHABLE names path. ret_hello may be NULL; non-blocking
 * fd. */
int ipc_connect(const char *path, int timeout_ms, int *ret_fd, json_t **ret_hello, struct err *e);
/* One request {"command":…,"args":{…},"request_id":…} (args and request_id are left out when NULL),
 * one answer. The daemon answers {"ok":true,"result":…} or
 * {"ok":false,"error":{"code":"ERR_…","text":"…"}}; an error becomes *e and its code is returned.
 * After ERR_TIMEOUT the connection is shut down. */
int ipc_call(int fd, const char *command, const json_t *args, const char *request_id,
             int timeout_ms, json_t **ret_result, struct err *e);

/* Both: 0, ERR_AGAIN (would block; nothing sent or received), ERR_UNREACHABLE (peer gone),
 * ERR_PARSE, ERR_TOOBIG. The received document is the caller's. */
int ipc_send(int fd, const json_t *doc);
int ipc_recv(int fd, json_t **ret, struct err *e);
