"""Everything that can be wrong with what a user hands in. Each error words itself and says what to do next."""

from __future__ import annotations

from collections.abc import Sequence


class ConflictError(Exception):
    """Base of all errors that a user can mend."""


class LabelSchemeError(ConflictError):
    """The label scheme (`labels.json`) is not usable."""


class StoryError(ConflictError):
    """A story's fields are not usable; `faults` holds (field, reason) pairs, all of them."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(f"{field}: {reason}" for field, reason in self.faults))


class ArtifactError(ConflictError):
    """A model folder is missing, incomplete, changed, or of a format this version does not read."""


class ModelError(ConflictError):
    """Models cannot be compared, promoted, rolled back or verified as asked."""


class FileError(ConflictError):
    """A file cannot be read or written as asked."""


class ColumnError(FileError):
    """A file's columns cannot be read or added to as asked."""


class ExtraError(ConflictError):
    """A library is absent that this use needs, and that an optional extra of the package brings."""

    def __init__(self, module: str, extra: str) -> None:
        self.module, self.extra = module, extra
        library = module.partition(".")[0]
        super().__init__(f"this needs {library}, which is not installed: pip install 'conflict-tagger[{extra}]'")

    def __reduce__(self) -> tuple[type[ExtraError], tuple[str, str]]:
        return type(self), (self.module, self.extra)


class CorpusError(ConflictError):
    """A labelled corpus cannot be trained or evaluated on; `faults` holds every finding, one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        count = len(self.faults)
        super().__init__("\n".join([*self.faults, f"{count} fault{'s' if count != 1 else ''} found; mend or remove those rows"]))


class SettingsError(ConflictError):
    """The service's settings are not usable; `faults` holds every one, each with the place it came from."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(self.faults))


class KeysError(ConflictError):
    """The file of API keys cannot be read, written or changed as asked."""


class ServiceError(ConflictError):
    """The HTTP service did not answer: `status` (0 when it was not reached), `detail`, and `errors`, (place, reason) pairs."""

    def __init__(self, status: int, detail: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        self.status, self.detail, self.errors = status, detail, list(errors)
        places = "".join(f"; {place}: {reason}" for place, reason in self.errors)
        super().__init__(f"{status or 'not reached'}: {detail}{places}")
