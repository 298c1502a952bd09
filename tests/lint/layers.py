"""layers.txt as a check: no folder includes a header of a folder that it may not link, none uses itself
by a detour, and every foreign header stands behind its own door."""
import tree

# C11, POSIX and Linux: what every file may use. All else is foreign and needs a line in layers.txt.
SYSTEM = set("""
    assert.h complex.h ctype.h errno.h float.h inttypes.h limits.h locale.h math.h setjmp.h signal.h
    stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h
    strings.h time.h
    arpa/inet.h dirent.h dlfcn.h fcntl.h ftw.h getopt.h glob.h grp.h ifaddrs.h libgen.h malloc.h net/if.h
    netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h pty.h pwd.h sched.h semaphore.h termios.h unistd.h
    sys/epoll.h sys/eventfd.h sys/file.h sys/ioctl.h sys/mman.h sys/prctl.h sys/random.h sys/resource.h
    sys/select.h sys/signalfd.h sys/socket.h sys/stat.h sys/statvfs.h sys/syscall.h sys/time.h
    sys/timerfd.h sys/timex.h sys/types.h sys/uio.h sys/un.h sys/wait.h
""".split())


def rules(text):
    """(folder → folders it may use, foreign header → files, or * for all) of layers.txt."""
    layers, doors = {}, {}
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith("!"):
            doors[words[0][1:]] = words[1:]
        else:
            layers[words[0].rstrip(":")] = words[1:]
    return layers, doors


def check_graph(layers):
    """The table itself: every name has its line, and nothing goes round. (A folder need not name what its
    folders use: it links then only what needs none of that, and the linker sees to it.)"""
    for folder, uses in layers.items():
        for used in uses:
            if used not in layers:
                yield tree.Finding("layers", "layers.txt", 1, f"{folder} uses {used}, which has no line")
        reached, todo = set(), list(uses)
        while todo:
            far = todo.pop()
            if far not in reached:
                reached.add(far)
                todo += layers.get(far, [])
        if folder in reached:
            yield tree.Finding("layers", "layers.txt", 1, f"{folder} uses itself by a detour")


def check_own(layers, path, line, name):
    """An include of ours: "folder/file.h" of a folder that this one may use."""
    here, there = tree.folder(path), tree.folder(name)
    if there == "tests" or there not in layers:
        return f'"{name}" is in no folder of layers.txt'
    if there != here and there not in layers[here]:
        return f'{here} may not include "{name}" (layers.txt)'
    if tree.is_test(name) and not tree.is_test(path):
        return f'"{name}" is for tests'
    return None


def check_foreign(doors, path, name):
    if name in SYSTEM or tree.is_test(path):
        return None
    if name not in doors:
        return f"<{name}> is neither of the system nor in layers.txt"
    if doors[name] != ["*"] and path not in doors[name]:
        return f"<{name}> belongs into {' '.join(doors[name])} only (layers.txt)"
    return None


def run():
    layers, doors = rules(tree.read("layers.txt"))
    found = list(check_graph(layers))
    used = set()
    for path in tree.files(*(f"{f}/*.{e}" for f in layers for e in ("c", "h", "def"))):
        for line, system, name in tree.includes(path):
            if system:
                check, text = "foreign_headers", check_foreign(doors, path, name)
                if not tree.is_test(path):
                    used.add((name, path))
            else:
                check, text = "layers", check_own(layers, path, line, name)
            if text:
                found.append(tree.Finding(check, path, line, text))
    for header, door in doors.items():
        for path in door:
            if path != "*" and (header, path) not in used:
                found.append(tree.Finding("foreign_headers", "layers.txt", 1,
                                          f"<{header}> is not included by {path}"))
    return found
