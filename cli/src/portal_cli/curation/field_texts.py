"""What the fields inside of fields mean: of an instrument, a person, a file. Data."""

INNER = {
    "Instrument": {
        "pid": "Its identifier, as ESRF-BM18.",
        "name": "What the facility calls it, as BM18; its investigations in ICAT are named by it.",
        "facility": "Whose it is.",
    },
    "Technique": {
        "pid": "Its address in PaNET; the profile says which are known.",
        "name": "What it is called.",
        "panet_id": "Its number in PaNET, as PaNET01333.",
    },
    "Sample": {
        "pid": "The same pid is the same sample.",
        "name": "What it is called.",
        "description": "What it is, for readers.",
    },
    "Parameter": {
        "name": "A parameter of the profile; see --explain NAME.",
        "value": "A number or text, and it stays what it is.",
        "unit": "As um, keV or m/s; of the dimension that the profile asks for.",
    },
    "Member": {
        "role": "What the person did, in a word.",
        "roles": "Roles of CRediT.",
        "person": "id, full_name, first_name, last_name, orcid, organisation.",
        "affiliation": "id, name, ror and address of where the person worked.",
    },
    "Person": {
        "id": "The same id is the same person.",
        "full_name": "As it is cited.",
        "first_name": "Given name.",
        "last_name": "Family name.",
        "orcid": "ORCID iD: four groups of four, the last sign a check digit.",
        "researcher_id": "Identifier in another register.",
        "organisation": "true if it is an organisation and no person.",
    },
    "Affiliation": {
        "id": "The same id is the same place.",
        "name": "What it is called.",
        "address": "Street and number.",
        "city": "City.",
        "country": "Country.",
        "ror": "Its address at ror.org.",
    },
    "File": {
        "name": "Filled in by portal curate: the file's own name.",
        "path": "Filled in by portal curate: its folder below the dataset's.",
        "size": "Filled in by portal curate: bytes.",
        "sha256": "Filled in by portal curate: checksum, 64 digits of 0-9 a-f.",
    },
    "Funding": {
        "funder": "Who paid.",
        "funder_id": "The funder's ROR.",
        "award": "Number of the grant.",
        "award_title": "What the grant is called.",
    },
    "RelatedItem": {
        "relation": "DataCite's word, as IsSupplementTo.",
        "identifier": "DOI, address or arXiv number of the work.",
        "title": "What it is called.",
        "type": "DataCite's type, as JournalArticle.",
    },
    "Relation": {
        "type": "DataCite's word, as IsDerivedFrom.",
        "pid": "The other record of this portal.",
    },
}
