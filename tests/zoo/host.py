"""Limits of the machine: memory, files, disks, ports, rights."""

from __future__ import annotations

from zoo.exhibit import Room
from zoo.needs import PRIVILEGED_PORT
from zoo.servers import listening
from zoo.workshop import NOBODY, PYTHON, Workshop, files_of, memory_of, without_core

ROOM = Room("linux")

MIB = 1024**2
SMALL_DISK = "mkdir -p small && mount -t tmpfs -o size=64k,{options} tmpfs small && exec {python} main.py"


@ROOM.exhibit("host-oom", needs=("module:numpy",))
def array_larger_than_memory(shop: Workshop) -> str:
    """NumPy asks for more than the address space that the program may have."""
    code = "import numpy as np\nweights = np.ones((8192, 65536), dtype=np.float32)\n"
    return shop.python(code, before=memory_of(1024 * MIB), env={"OPENBLAS_NUM_THREADS": "1"})


@ROOM.exhibit("host-oom")
def mapping_larger_than_memory(shop: Workshop) -> str:
    """The weights are mapped into an address space that is too small for them."""
    code = "import mmap\nmmap.mmap(-1, 2 * 1024**3)\n"
    return shop.python(code, before=memory_of(512 * MIB))


@ROOM.exhibit("host-oom", needs=("program:g++",))
def bad_alloc(shop: Workshop) -> str:
    """A C++ program whose `new` fails."""
    shop.write("main.cpp", "int main() { volatile char *p = new char[1ul << 46]; p[0] = 1; return p[0]; }")
    shop.run("g++", "-O0", "-o", "server", "main.cpp", fails=False)
    return shop.shell("ulimit -c 0; ulimit -v 1000000; ./server")


@ROOM.exhibit("host-oom", "worker-died")
def killed_by_signal_9(shop: Workshop) -> str:
    """A server that gets SIGKILL, as the kernel sends it when memory is out; the shell tells of it."""
    shop.write("serve.py", "import os\nos.kill(os.getpid(), 9)\n")
    return shop.shell(f"{PYTHON} serve.py; status=$?; echo server exited with code $status; exit $status")


@ROOM.exhibit("worker-died", "host-oom")
def worker_of_a_pool_killed(shop: Workshop) -> str:
    """A worker process of a pool gets SIGKILL in the middle of its task."""
    return shop.python(
        """
        import concurrent.futures, multiprocessing, os
        def work():
            os.kill(os.getpid(), 9)
        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
                pool.submit(work).result()
        """
    )


@ROOM.exhibit("file-limit")
def too_many_open_files(shop: Workshop) -> str:
    """Shards are opened one after the other until the limit on open files is met."""
    shop.write("shard.bin", b"0")
    return shop.python("shards = [open('shard.bin', 'rb') for _ in range(100)]\n", before=files_of(32))


@ROOM.exhibit("disk-full", needs=("mount",))
def full_file_system(shop: Workshop) -> str:
    """A checkpoint is written to a file system of 64 KiB."""
    shop.write("main.py", "with open('small/model.bin', 'wb') as file:\n    file.write(bytes(1024**2))\n")
    line = SMALL_DISK.format(options="rw", python=PYTHON)
    return shop.run("unshare", "-Urm", "sh", "-c", line)


@ROOM.exhibit("disk-full", needs=("file:/dev/full",))
def full_device(shop: Workshop) -> str:
    """cp to a device that is always full."""
    shop.write("model.bin", bytes(100_000))
    return shop.run("cp", "model.bin", "/dev/full")


@ROOM.exhibit("volume-not-mounted", needs=("mount",))
def read_only_file_system(shop: Workshop) -> str:
    """A cache directory is made on a file system that is mounted read-only."""
    shop.write("main.py", "import os\nos.makedirs('small/huggingface/hub')\n")
    return shop.run("unshare", "-Urm", "sh", "-c", SMALL_DISK.format(options="ro", python=PYTHON))


@ROOM.exhibit("shm-too-small", needs=("mount",))
def small_shared_memory(shop: Workshop) -> str:
    """A batch is put into shared memory, and /dev/shm holds 64 KiB."""
    shop.write(
        "main.py",
        """
        from multiprocessing import shared_memory
        batch = shared_memory.SharedMemory(create=True, size=8 * 1024**2)
        batch.buf[:] = bytes(len(batch.buf))
        """,
    )
    line = f"mount -t tmpfs -o size=64k tmpfs /dev/shm && exec {PYTHON} -X faulthandler main.py"
    return shop.run("unshare", "-Urm", "sh", "-c", line, before=without_core)


@ROOM.exhibit("port-in-use")
def port_taken(shop: Workshop) -> str:
    """Python's own HTTP server on a port at which another process listens."""
    with listening() as port:
        return shop.run(PYTHON, "-m", "http.server", "--bind", "127.0.0.1", str(port))


@ROOM.exhibit("port-in-use", needs=("module:uvicorn",))
def port_taken_for_uvicorn(shop: Workshop) -> str:
    """The same with uvicorn."""
    shop.write("app.py", "async def app(scope, receive, send): ...\n")
    with listening() as port:
        return shop.run(PYTHON, "-m", "uvicorn", "--lifespan", "off", "--port", str(port), "app:app")


@ROOM.exhibit("permission-denied", needs=("privileged-ports",))
def privileged_port(shop: Workshop) -> str:
    """A user without rights binds to a port below 1024."""
    code = "import socket\n" + NOBODY + f"socket.socket().bind(('127.0.0.1', {PRIVILEGED_PORT}))\n"
    return shop.python(code)


@ROOM.exhibit("address-not-available")
def address_of_another_machine(shop: Workshop) -> str:
    """Python's own HTTP server at an address that this machine does not have."""
    return shop.run(PYTHON, "-m", "http.server", "--bind", "192.0.2.1", "8000")


@ROOM.exhibit("address-not-available", needs=("module:uvicorn",), slow=True)
def address_of_another_machine_for_uvicorn(shop: Workshop) -> str:
    """The same with uvicorn."""
    shop.write("app.py", "async def app(scope, receive, send): ...\n")
    return shop.run(PYTHON, "-m", "uvicorn", "--lifespan", "off", "--host", "192.0.2.1", "app:app")


@ROOM.exhibit("permission-denied")
def file_of_somebody_else(shop: Workshop) -> str:
    """A model file that only its owner may read, opened by another user."""
    path = shop.write("model.bin", b"0")
    path.chmod(0)
    return shop.python(NOBODY + f"open({str(path)!r}, 'rb')\n")


@ROOM.exhibit("permission-denied", needs=("file:/usr/lib",))
def cache_under_another_home(shop: Workshop) -> str:
    """A cache directory is made where only root may."""
    return shop.python(NOBODY + "import os\nos.makedirs('/usr/lib/zoo-cache/hub')\n")
