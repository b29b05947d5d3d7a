export const play = (_around: HTMLElement): void => {}
