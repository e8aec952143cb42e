import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

export default ts.config(
    { ignores: ["build/", ".svelte-kit/", "node_modules/", ".node/", "src/lib/api.d.ts"] },
    ...ts.configs.strict,
    ...svelte.configs.recommended,
    { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
    {
        files: ["**/*.svelte", "**/*.svelte.ts"],
        languageOptions: { parserOptions: { parser: ts.parser } },
    },
    {
        rules: {
            // Addresses of the site are written as they are read; the site has no base path.
            "svelte/no-navigation-without-resolve": "off",
            // Addresses are made and thrown away; none is state.
            "svelte/prefer-svelte-reactivity": "off",
            // It does not know the warnings of svelte-check, which needs the comment.
            "svelte/no-unused-svelte-ignore": "off",
            // Each brings 1 to 3 kB of Svelte's runtime to all pages, also to those without it.
            "no-restricted-syntax": [
                "error",
                {
                    selector: "SvelteElement[kind='html'] SvelteSpreadAttribute",
                    message: "Write each attribute by its name.",
                },
                {
                    selector: "SvelteElement[kind='special'][name.name='svelte:element']",
                    message: "Write the elements, with a snippet for what they have in common.",
                },
            ],
        },
    },
);
