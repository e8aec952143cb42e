import { error } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { describeCollection } from "#lib/machine/collections.ts";
import { formatNumberOf, formatVoxelRange, type Lengths } from "#lib/formats.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";
import { boxNames } from "#lib/volume/overlay.ts";
import { loadPlace } from "#lib/volume/place.ts";
import { groupSeries } from "#lib/record/series.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

export const load: PageServerLoad = async ({ params, locals, url, setHeaders }) => {
  const field = locals.profile.fields.find((one) => one.name === locals.profile.organ_field);
  const query = new URLSearchParams([
    [field?.parameter ?? "organ", params.organ],
    ["donor", params.donor],
    ["per_page", "100"],
    ["sort", "name"],
  ]);
  const found = await orErrorPage(() => read<Schemas["SearchPage"]>(`/api/search?${query}`));
  if (found.total === 0) error(404, "There are no open data of this organ of this donor.");
  const series = groupSeries(found.rows, locals.lengths);
  const donor = await orNothing(() =>
    read<Schemas["DonorView"]>(`/api/donors/${encodeURIComponent(params.donor)}`),
  );
  const groups = await Promise.all(
    series.map(async (one) => {
      const path = one.overview ? encodeURIComponent(one.overview.pid) : null;
      const [record, overlay] = path
        ? await Promise.all([
            orNothing(() => read<Schemas["RecordView"]>(`/api/records/${path}`)),
            orNothing(() => read<Schemas["Overlay"]>(`/api/records/${path}/overlay`)),
          ])
        : [null, null];
      const place = record && overlay ? await loadPlace(record, overlay, locals.lengths) : null;
      return {
        title: one.title,
        cards: one.cards,
        place,
        names: place ? boxNames(place.boxes, place) : null,
        documents: record?.documents ?? [],
      };
    }),
  );
  const label = locals.profile.organs.find((organ) => organ.value === params.organ);
  const name = label?.label ?? params.organ;
  const machine = describeCollection(
    {
      kind: "Collection",
      path: `/donors/${encodeURIComponent(params.donor)}/${encodeURIComponent(params.organ)}`,
      name: `${name} of donor ${params.donor}`,
      description: `${formatNumberOf(found.total, "open X-ray volume")} of one organ of donor ${params.donor}, whole and in zooms: ${name}.`,
      licence: locals.profile.licence ?? null,
      cards: found.rows,
      keywords: [name],
    },
    url.origin,
  );
  setHeaders({ link: machine.header });
  return {
    machine: machine.view,
    donor: params.donor,
    organ: {
      value: params.organ,
      label: label?.label ?? params.organ,
      plural: label?.plural ?? null,
    },
    total: found.total,
    sums: {
      overviews: found.rows.filter((row) => row.type === "overview").length,
      bytes: found.rows.reduce((sum, row) => sum + (row.full_bytes ?? row.bytes ?? 0), 0),
      voxels: voxelRange(
        found.rows.flatMap((row) => (row.voxel_um ? [row.voxel_um] : [])),
        locals.lengths,
      ),
    },
    finest: found.rows.find((row) => row.type === "overview")?.page ?? null,
    exports: found.exports,
    collection: groups.flatMap((group) => group.documents)[0] ?? null,
    others: (donor?.by_organ ?? []).filter((one) => one.value !== params.organ),
    groups,
  };
};

/** Returns the smallest and the largest voxel size in words; null if none is recorded. */
function voxelRange(sizes: readonly number[], lengths: Lengths): string | null {
  if (!sizes.length) return null;
  return formatVoxelRange(Math.min(...sizes), Math.max(...sizes), lengths);
}
