/** Words of the pages of errors, which no other page loads. */
export const errorWords = {
  404: {
    title: "There is no page at this address",
    lead: "Nothing is lost: addresses of datasets never change, so perhaps a letter is missing.",
  },
  refused: {
    title: "This request cannot be answered",
    lead: "A part of the address is not what the page expects.",
  },
  410: { title: "This record was withdrawn", lead: "" },
  429: {
    title: "Too many requests",
    lead: "The portal limits the number of requests from one network. Wait a little, then load the page again.",
  },
  503: {
    title: "A part of the portal does not answer",
    lead: "Nothing is lost, and it is being looked after. Load the page again in a minute.",
  },
  other: {
    title: "Something went wrong on our side",
    lead: "The page could not be made. Load it again; if it stays so, please write to us.",
  },
} as const;
