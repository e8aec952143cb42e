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
        },
    },
);
