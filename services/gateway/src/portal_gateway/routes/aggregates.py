"""Routes of sums: /api/totals, /api/organs, /api/donors, /api/people, /api/proposals."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel

from portal_gateway.aggregates.loader import Aggregates
from portal_gateway.aggregates.models import (
    DonorList,
    DonorView,
    OrganList,
    PersonRecord,
    ProposalView,
    Totals,
)
from portal_gateway.http import responses
from portal_gateway.http.problem_docs import problems

router = APIRouter(tags=["site"])


def _aggregates(request: Request) -> Aggregates:
    found: Aggregates = request.app.state.aggregates
    return found


Sums = Annotated[Aggregates, Depends(_aggregates)]


def _answer(request: Request, view: BaseModel) -> Response:
    return responses.content_response(request, view.model_dump_json().encode())


@router.get("/api/totals", response_model=Totals, responses=problems(503))
async def show_totals(request: Request, sums: Sums) -> Response:
    """Sum up all public datasets, with the newest."""
    return _answer(request, await sums.totals())


@router.get("/api/organs", response_model=OrganList, responses=problems(503))
async def list_organs(request: Request, sums: Sums) -> Response:
    """List the organs that have public datasets, most first."""
    return _answer(request, await sums.organs())


@router.get("/api/donors", response_model=DonorList, responses=problems(503))
async def list_donors(request: Request, sums: Sums) -> Response:
    """List the donors with public datasets, most first."""
    return _answer(request, await sums.donors())


@router.get("/api/donors/{donor:path}", response_model=DonorView, responses=problems(404, 503))
async def show_donor(
    request: Request, sums: Sums, donor: Annotated[str, InPath(description="Number of a donor")]
) -> Response:
    """Show what is recorded of a donor, and all datasets."""
    return _answer(request, await sums.donor(donor))


@router.get("/api/people/{person:path}", response_model=PersonRecord, responses=problems(404, 503))
async def show_person(
    request: Request,
    sums: Sums,
    person: Annotated[str, InPath(description="ORCID iD, or the id of a person without one")],
) -> Response:
    """Show the roles, datasets and documents of a person."""
    return _answer(request, await sums.person(person))


@router.get(
    "/api/proposals/{number:path}", response_model=ProposalView, responses=problems(404, 503)
)
async def show_proposal(
    request: Request, sums: Sums, number: Annotated[str, InPath(description="Its number")]
) -> Response:
    """Show a proposal for beam time with its people and datasets."""
    return _answer(request, await sums.proposal(number))
