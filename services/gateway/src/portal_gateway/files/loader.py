"""Pages of the files of a dataset, with sums by role and folder."""

from collections.abc import Sequence
from typing import Any

from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.media_types import media_type
from portal_shared.contracts.records import Availability
from portal_shared.runtime.mongo import Doc

from portal_gateway.errors import BadRequest
from portal_gateway.files import totals
from portal_gateway.files.availability import FileStates
from portal_gateway.files.criteria import FileCriteria, role_value
from portal_gateway.files.models import FilePage, FileView, FolderTotal, RoleTotal
from portal_gateway.files.rows import DEFAULT_ROLE, FileRows
from portal_gateway.files.totals import Group, GroupCache
from portal_gateway.labels.file_words import format_label, role_label

MAX_FOLDERS = 200  # that are listed


class FilePageLoader:
    def __init__(self, rows: FileRows, states: FileStates) -> None:
        self._rows = rows
        self._states = states
        self._groups = GroupCache(rows.sum_groups)

    async def load(self, dataset: Doc, criteria: FileCriteria) -> FilePage:
        """Loads a page of the files of a public dataset, which is a row of the catalogue.

        Raises BadRequest for a page after the last one.
        """
        pid: str = dataset["_id"]
        version = await self._rows.list_version(pid)
        every = () if version is None else await self._groups.of_list(pid, version)
        matching: Sequence[Group] = every
        if every and criteria.name:
            matching = await self._rows.sum_groups(pid, criteria.name)
        selected = totals.total(totals.below(totals.with_role(matching, criteria), criteria.folder))
        pages = max(1, -(-selected.files // criteria.per_page))
        if criteria.page > pages:
            raise BadRequest(f"page: {criteria.page} is after the last one, {pages}", field="page")
        whole = totals.total(every)
        return FilePage(
            pid=pid,
            all_files=whole.files,
            all_bytes=whole.bytes,
            files=selected.files,
            bytes=selected.bytes,
            page=criteria.page,
            pages=pages,
            per_page=criteria.per_page,
            name=criteria.name,
            role=criteria.role_value,
            folder=criteria.folder,
            role_label=role_label(criteria.role, criteria.level) if criteria.role else None,
            rows=await self._load_rows(dataset, criteria) if selected.files else [],
            roles=_roles(totals.below(matching, criteria.folder)),
            **_folders(totals.with_role(matching, criteria), criteria.folder),
        )

    async def _load_rows(self, dataset: Doc, criteria: FileCriteria) -> list[FileView]:
        pid: str = dataset["_id"]
        is_archived = bool(dataset["record"].get("folder"))
        rows = await self._rows.load_page(pid, criteria)
        views = [_view(row, has_address=is_archived) for row in rows]
        if not is_archived:
            return views
        of_dataset = dataset.get("availability_detail") or dataset.get("availability")
        states = await self._states.load(pid, [view.location for view in views], of_dataset)
        return [_with_state(view, states.get(view.location)) for view in views]


def _view(row: Doc, *, has_address: bool) -> FileView:
    location, role = row["location"], row.get("role") or DEFAULT_ROLE
    return FileView(
        location=location,
        name=row["name"],
        folder=row.get("path") or "",
        role=role,
        level=row.get("level"),
        role_label=role_label(role, row.get("level")),
        bytes=row.get("size"),
        media_type=media_type(location),
        format=format_label(location),
        sha256=row.get("sha256"),
        url=data_path(row["pid"], location) if has_address else None,
        availability=None,
    )


def _with_state(view: FileView, state: Availability | None) -> FileView:
    return view.model_copy(update={"availability": state})


def _roles(groups: Sequence[Group]) -> list[RoleTotal]:
    return [
        RoleTotal(
            role=role_value(role, level),
            label=role_label(role, level),
            files=found.files,
            bytes=found.bytes,
        )
        for (role, level), found in totals.by_role(groups).items()
    ]


def _folders(groups: Sequence[Group], folder: str) -> dict[str, Any]:
    found = totals.by_folder(groups, folder)
    direct = found.pop("", totals.Total())
    start = f"{folder}/" if folder else ""
    return {
        "folders": [
            FolderTotal(folder=f"{start}{name}", name=name, files=sums.files, bytes=sums.bytes)
            for name, sums in list(found.items())[:MAX_FOLDERS]
        ],
        "folders_in_all": len(found),
        "direct_files": direct.files,
        "direct_bytes": direct.bytes,
    }
