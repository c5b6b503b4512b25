"""A LangChain document compressor, and an app that uses it. Needs a service, langchain-core and numpy."""

from collections.abc import Sequence

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, Field

from condenser_client import CompressOptions, Condenser


class CondenserCompressor(BaseDocumentCompressor):
    """Shortens each retrieved document to what answers the query; `capsule` in its metadata gives it back whole."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    client: Condenser = Field(default_factory=Condenser)
    options: CompressOptions = Field(default_factory=lambda: CompressOptions(target_ratio=0.4))

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """The documents in their order; one that could not be compressed stays as it is."""
        if not documents:
            return []
        options: CompressOptions = {**self.options, "question": query}
        shortened = list(documents)
        for answer in self.client.batch((one.page_content for one in documents), **options).results:
            if answer.result is not None:
                whole = documents[answer.index]
                metadata = {**whole.metadata, "capsule": answer.result.capsule.model_dump()}
                shortened[answer.index] = Document(answer.result.compressed, id=whole.id, metadata=metadata)
        return shortened


if __name__ == "__main__":
    from pathlib import Path

    from langchain_core.embeddings import DeterministicFakeEmbedding  # OllamaEmbeddings in a real app
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.vectorstores import InMemoryVectorStore

    texts = [Path(__file__).with_name("outage.txt").read_text()]
    retriever = InMemoryVectorStore.from_texts(texts, DeterministicFakeEmbedding(size=8)).as_retriever()
    compressor = CondenserCompressor(options={"target_ratio": 0.25, "method": "extractive"})
    prompt = ChatPromptTemplate.from_template("Answer the question {question!r} from:\n{context}")

    def context(question: str) -> str:
        found = compressor.compress_documents(retriever.invoke(question), question)
        return "\n\n".join(document.page_content for document in found)

    chain = {"question": lambda question: question, "context": context} | prompt  # | ChatOllama(model="...")
    print(chain.invoke("How many orders were affected?").to_string())
