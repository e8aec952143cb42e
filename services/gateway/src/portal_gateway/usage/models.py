"""The answer of /api/records/{pid}/usage."""

from pydantic import BaseModel, Field

VIEWS = (
    "Its page was served to a program that names itself as a browser and not as a robot. Loading "
    "it again within 30 seconds does not count again."
)
DOWNLOADS = (
    "A request for its files ended with all of them ready. Reads of files by their addresses are "
    "not counted."
)


class MonthOfUse(BaseModel):
    month: str = Field(description="2026-11, in UTC")
    views: int
    downloads: int


class UsageView(BaseModel):
    """How often a dataset was seen and downloaded; nothing of its readers is recorded."""

    pid: str
    since: str | None = Field(description="Day since which uses are counted; null: not yet")
    views: int
    downloads: int
    views_counted: str = Field(default=VIEWS, description="What counts as a view")
    downloads_counted: str = Field(default=DOWNLOADS, description="What counts as a download")
    months: list[MonthOfUse] = Field(description="Those with uses, the oldest first")
