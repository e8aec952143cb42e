// The viewer is all script; the pages around it show the same as pictures.
export const ssr = false;
