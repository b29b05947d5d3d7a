export const check = async (): Promise<void> => {}
