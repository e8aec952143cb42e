"""Models of a metadata file of the Human Organ Atlas (schema 1.x). A text is never a number."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Voxels = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]


class StrictModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Data(StrictModel):
    shape: tuple[Voxels, Voxels, Voxels]  # x, y, z
    voxel_size_um: Positive
    gcs_url: str | None = None


class Sample(StrictModel):
    organ: Text
    organ_context: Text | None = None
    post_mortem_interval_hours: Finite | None = None
    fixation_method: str | None = None
    fixation_medium: str | None = None
    organ_infilled: bool | str | None = None
    stabilisation_medium: str | None = None
    degassing_method: str | None = None
    scan_solvent: str | None = None
    scan_solvent_concentration: Finite | None = None  # per cent
    scan_temperature: Finite | str | None = None  # degrees Celsius, or in words


class Donor(StrictModel):
    id: Text
    age: Count | Literal["<18", ">18"] | None = None
    sex: Literal["M", "F"] | None = None
    weight: Positive | None = None
    height: Positive | None = None
    cause_of_death: str | None = None
    medical_history: str | None = None
    diabetes: str | None = None
    hypertension: str | None = None
    smoker: str | None = None


class Scan(StrictModel):
    date: date
    beamline: Text
    energy: Finite | None = None
    current_start: Finite | None = None
    filling_mode: str | None = None
    n_frames: Count | None = None
    n_ref: Count | None = None
    n_dark: Count | None = None
    latency_time: Finite | None = None
    exposure_time: Finite | None = None
    subframe_time: Finite | None = None
    n_subframes: Count | None = None
    scan_type: str | None = None
    scan_range: Finite | None = None
    n_scans: Count | None = None
    acquisition: str | None = None
    z_step: Finite | None = None
    scan_time: Finite | None = None
    filters: tuple[str, ...] | None = None
    scintillator: str | None = None
    optic: str | None = None
    optic_magnification: Finite | None = None
    xray_magnification: Finite | None = None
    distance_source_sample: Finite | None = None
    distance_sample_detector: Finite | None = None
    psho: Finite | None = None
    sensor_name: str | None = None
    sensor_mode: str | None = None
    sensor_roi_x_size: Count | None = None
    sensor_roi_y_size: Count | None = None
    sensor_binning: tuple[Count, Count] | None = None
    pixel_size: Positive | None = None


class Proposal(StrictModel):
    proposal_number: Text
    title: Text
    proposers: tuple[Text, ...] = ()


class Registration(StrictModel):
    source_dataset: Text
    target_dataset: Text
    translation: tuple[Finite, Finite, Finite]  # voxels of the target
    rotation: Finite  # degrees about z
    scale: Positive  # voxels of the target per voxel of the source


class Contributor(StrictModel):
    first_name: Text
    last_name: Text
    orcid: Text | None = None
    roles: tuple[str, ...] = ()


class Citation(StrictModel):
    title: Text
    doi: Text | None = None
    contributors: tuple[Contributor, ...] = ()
    author_list: tuple[str, ...] = ()


class Record(StrictModel):
    metadata_version: str
    name: Text
    dataset_type: Literal["overview", "zoom"]
    voi: Text
    data: Data
    sample: Sample
    donor: Donor
    scan: Scan
    proposal: Proposal
    registration: Registration | None = None
    citation: Citation

    @property
    def specimen(self) -> str:
        """Name of the scanned object: `<donor>_<organ>[_<context>]`, shared by all its scans."""
        parts = (self.donor.id, self.sample.organ, self.sample.organ_context)
        return "_".join(p for p in parts if p)

    @property
    def document(self) -> str:
        """Name of the document to which it belongs: one organ of one donor."""
        return f"{self.donor.id}_{self.sample.organ}"

    @property
    def raw_bytes(self) -> int:
        """Estimated size of the reconstructed volume, with 16-bit voxels."""
        x, y, z = self.data.shape
        return 2 * x * y * z
