import { redirect } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { crumbsBelow, fileLists } from "#lib/record/dataset.ts";
import {
  canonicalQuery,
  conditions,
  emptiness,
  fileRow,
  folderPath,
  folderTotals,
  listAddress,
  listSummary,
  roleChoices,
  roleTotals,
} from "#lib/record/files.ts";
import { GatewayError, orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

export const load: PageServerLoad = async ({ params, url, locals, isDataRequest }) => {
  const canonical = canonicalQuery(url.searchParams);
  if (canonical) redirect(303, listAddress(url.pathname, canonical));
  const path = `/api/records/${encodeURIComponent(params.name)}`;
  const [record, list] = await orErrorPage(
    () =>
      Promise.all([
        read<Schemas["RecordView"]>(path),
        loadList(listAddress(`${path}/files`, url.searchParams)),
      ]),
    params.name,
  );
  const { files } = record;
  if (files && record.name !== params.name)
    redirect(308, listAddress(files.page, url.searchParams));
  const head = {
    title: record.title,
    page: record.page,
    path: files?.page ?? url.pathname,
    address: url.searchParams.toString(),
    crumbs: crumbsBelow(record, "Files"),
    hasAddresses: Boolean(files?.data_url),
  };
  if (list instanceof GatewayError) {
    if (!isDataRequest) locals.pageStatus = list.status;
    return { ...head, refused: list.message, list: null };
  }
  return { ...head, refused: null, list: listView(list, record) };
};

/** Returns a page of the list, or why it is refused; other problems are thrown. */
async function loadList(path: string): Promise<Schemas["FilePage"] | GatewayError> {
  try {
    return await read<Schemas["FilePage"]>(path);
  } catch (problem) {
    if (problem instanceof GatewayError && problem.status === 400) return problem;
    throw problem;
  }
}

function listView(list: Schemas["FilePage"], record: Schemas["RecordView"]) {
  const { name, role, folder, page, pages, per_page: perPage } = list;
  const recorded = record.files?.count ?? 0;
  return {
    name,
    role,
    folder,
    page,
    pages,
    first: (page - 1) * perPage + 1,
    last: (page - 1) * perPage + list.rows.length,
    total: list.files,
    allFiles: list.all_files,
    recorded,
    summary: listSummary(list),
    empty: emptiness(list, recorded),
    conditions: conditions(list),
    rows: list.rows.map(fileRow),
    roles: roleTotals(list),
    choices: roleChoices(list),
    folders: folderTotals(list),
    hiddenFolders: list.folders_in_all - list.folders.length,
    folderPath: folderPath(folder),
    formats: fileLists(record),
  };
}
