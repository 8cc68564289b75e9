"""Errors of the operating system, as errors of the catalogue."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from modelarts_emulator.contract.errors import FILE_NOT_FOUND, OBS_ERROR, PATH_INVALID, UNAVAILABLE, ApiError
from modelarts_emulator.obs.paths import AccessRefused
from modelarts_emulator.system.file_limit import OUT_OF_FILES
from modelarts_emulator.system.folder import PATH_FAULTS

_NO_ACCESS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def translate_os_errors(path: str) -> Iterator[None]:
    """Raise the catalogue's errors instead of those of the operating system; FileExistsError passes unchanged."""
    try:
        yield
    except FileNotFoundError as error:
        raise ApiError(FILE_NOT_FOUND, path) from error
    except (NotADirectoryError, IsADirectoryError) as error:
        raise ApiError(PATH_INVALID, f"{path}: {error.strerror}") from error
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in OUT_OF_FILES:
            raise ApiError(UNAVAILABLE, f"{path}: {error.strerror}") from error
        if error.errno in _NO_ACCESS:
            raise AccessRefused(f"{path}: {error.strerror}") from error
        if error.errno == errno.ESTALE:  # deleted on the server of a network file system
            raise ApiError(FILE_NOT_FOUND, path) from error
        row = PATH_INVALID if error.errno in PATH_FAULTS else OBS_ERROR
        raise ApiError(row, f"{path}: {error.strerror}") from error
    except UnicodeEncodeError as error:  # the locale's encoding cannot hold the name
        raise ApiError(PATH_INVALID, f"{path!a}: the encoding of file names is {error.encoding}") from error
