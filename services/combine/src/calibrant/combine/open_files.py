"""How many files a job may have open: all its frames are, until it is done. Must not know what is in them."""

import resource

from calibrant.bus.errors import PermanentError

A_FRAME = 2
"""Files of a frame: its own, and what it is unpacked into."""

OTHERS = 128
"""Libraries, logs, pipes, and the product."""


class TooManyFiles(PermanentError):
    """A job needs more open files than a process may have here; the text has the limit."""


def allow_for(frames: int) -> None:
    """Raise this process's own limit on open files, where it is too low for so many frames.

    Raises
    ------
    TooManyFiles
        The system does not allow that many.
    """
    needed = A_FRAME * frames + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise TooManyFiles(
            f"{frames} frames take {needed} open files, but a process may have {hard} here; raise that limit "
            "(RLIMIT_NOFILE: ulimit -Hn, LimitNOFILE of a service), or combine fewer frames at a time"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
