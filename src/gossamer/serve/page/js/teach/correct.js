export async function openCorrection() {
  return null;
}
