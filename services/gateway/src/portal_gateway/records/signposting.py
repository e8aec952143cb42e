"""Signposting of a record (https://signposting.org/FAIR): typed links and the linkset."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from portal_gateway.labels.licences import Licence
from portal_gateway.records.models import FormatLink, PersonView, TypedLink

ABOUT_PAGE = "https://schema.org/AboutPage"
SCHEMA_TYPES = {
    "dataset": "https://schema.org/Dataset",
    "document": "https://schema.org/Collection",
}
LINKSET = "application/linkset+json"
HTML = "text/html"
PROFILES = {
    "json-ld": "https://schema.org/",
    "datacite-json": "http://datacite.org/schema/kernel-4",
    "datacite-xml": "http://datacite.org/schema/kernel-4",
}
MAX_AUTHORS = 20  # in a header; proxies cut headers at 4 to 8 kB. The linkset has all


class Target(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    href: str
    type: str | None = None
    profile: str | None = None


class LinkContext(BaseModel):
    """The links of one resource, by relation type."""

    model_config = ConfigDict(populate_by_name=True)

    anchor: str
    cite_as: list[Target] | None = Field(default=None, alias="cite-as")
    type: list[Target] | None = None
    license: list[Target] | None = None
    author: list[Target] | None = None
    describedby: list[Target] | None = None
    item: list[Target] | None = None
    describes: list[Target] | None = None
    collection: list[Target] | None = None


class Linkset(BaseModel):
    """A set of links (RFC 9264)."""

    linkset: list[LinkContext]


def typed_links(
    *,
    level: str,
    pid_path: str,
    site_url: str,
    doi_url: str | None,
    licence: Licence | None,
    people: Sequence[PersonView],
    formats: Sequence[FormatLink],
    items: Sequence[Target],
) -> list[TypedLink]:
    """Returns all links of the record's page, as absolute addresses."""
    found = [TypedLink(rel="cite-as", href=doi_url)] if doi_url else []
    found += [TypedLink(rel="type", href=href) for href in (ABOUT_PAGE, SCHEMA_TYPES[level])]
    if licence and licence.url:
        found.append(TypedLink(rel="license", href=licence.url))
    found += [
        TypedLink(rel="author", href=f"https://orcid.org/{person.orcid}")
        for person in people
        if person.orcid
    ]
    found += [
        TypedLink(
            rel="describedby",
            href=f"{site_url}{one.href}",
            type=one.media_type,
            profile=one.profile or PROFILES.get(one.name),
        )
        for one in formats
    ]
    found += [TypedLink(rel="item", href=one.href, type=one.type) for one in items]
    return [*found, TypedLink(rel="linkset", href=f"{site_url}{pid_path}/linkset", type=LINKSET)]


def linkset(page: str, links: Sequence[TypedLink]) -> Linkset:
    """Returns the links of the page, and the links back from its metadata and contents."""
    found: dict[str, list[Target]] = {}
    for one in links:
        if one.rel != "linkset":
            target = Target(href=one.href, type=one.type, profile=one.profile)
            found.setdefault(one.rel, []).append(target)
    back = [Target(href=page, type=HTML)]
    contexts = [LinkContext.model_validate({"anchor": page, **found})]
    contexts += [LinkContext(anchor=t.href, describes=back) for t in found.get("describedby", ())]
    contexts += [LinkContext(anchor=t.href, collection=back) for t in found.get("item", ())]
    return Linkset(linkset=contexts)


def header(links: Sequence[TypedLink]) -> str:
    """Returns the value of the Link header: all but the items and most authors."""
    short: list[TypedLink] = []
    authors = 0
    for one in links:
        authors += one.rel == "author"
        if one.rel != "item" and (one.rel != "author" or authors <= MAX_AUTHORS):
            short.append(one)
    return ", ".join(map(_link_value, short))


def describes(page: str) -> str:
    """Returns the value of the Link header of metadata of a page."""
    return f'<{page}>; rel="describes"; type="{HTML}"'


def _link_value(link: TypedLink) -> str:
    parameters = [f'rel="{link.rel}"']
    parameters += [f'type="{link.type}"'] if link.type else []
    parameters += [f'profile="{link.profile}"'] if link.profile else []
    return f"<{link.href}>; {'; '.join(parameters)}"
