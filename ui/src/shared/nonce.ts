/**
 * What a style sheet made while the window runs has to carry, because the content security policy lets no other in: the
 * nonce that the page's own style element was given. Empty where the page comes without a policy.
 */
export const NONCE: string = document.querySelector<HTMLStyleElement>("style[nonce]")?.nonce ?? "";
