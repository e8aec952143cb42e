import { error } from "@sveltejs/kit";

import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

interface Resolution {
  doi: string;
  records: { level: string; pid: string; title: string }[];
}

export const load: PageServerLoad = async ({ params }) => {
  const doi = params.doi.replace(/\/+$/, "");
  if (!doi.includes("/")) error(404, "This is no DOI.");
  const path = `/doi/${doi.split("/").map(encodeURIComponent).join("/")}`;
  return orErrorPage(() => read<Resolution>(path));
};
