// A text to try it on.

export const EXAMPLE = `The ferry Aurora sails from Turku to Stockholm every morning at 07:45. The crossing takes eleven hours. Tickets cost 24 euros for adults and 12 euros for children. People like to stand on deck and watch the islands go by, and many of them have done so since they were small. The company says that the new engine, which was built in Rostock, saves 18 % of the fuel. Nobody was hurt when the ferry touched the pier on 3 May. The next inspection is planned for September 2026.`;
