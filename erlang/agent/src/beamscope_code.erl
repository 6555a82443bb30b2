%% @doc The modules of this node: what is loaded, where from, and what the files say that they were loaded from. Runs
%% compiled and interpreted; see `beamscope_processes' for what that asks of the source.
%%
%% What it spares the node. No module is loaded and no atom made: names from a user are looked up among those that
%% exist, and what a file holds beyond that leaves as bytes, to be read elsewhere. Files are read past the file server,
%% only regular ones, and only up to a size. The code server, which alone knows where modules came from, is asked only while
%% it is idle: without it that is not known, all else is.
-module(beamscope_code).

-export([modules/1, module/1, runners/1, functions/1, files/1, digests/1, versions/1]).

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_within.hrl").
-include("beamscope_idle.hrl").

%% Milliseconds for the code server.
-define(PATIENCE, 1000).

%% Bytes of a beam that is read.
-define(LARGEST, 8000000).
%% Bytes of a chunk or a source that is told.
-define(TOLD, 1500000).
%% Names that go back where a module was not found, to find out which was meant.
-define(NAMES, 500).
%% Bytes in external format of an attribute or of the compiler's options that are told whole.
-define(SMALL, 1000).
%% Modules whose digests are told.
-define(DIGESTS, 50000).
%% Processes that are asked whether they run old code, and how many of them at a time.
-define(ASKED, 100000).
-define(CHUNK, 1000).

%% @doc A page of the modules that are loaded. Sorted by `name' or `application'. Filters: `name', a part in any case;
%% `application'; `state', one of the marks of a row. Marks: `sticky', `preloaded', `cover_compiled', `old_code'; where
%% they are asked for by `state' also `changed_on_disk' and `file_missing', which take a look at each file. Incomplete:
%% `deadline', with files not read; `code_server', which was not idle or did not answer, so that paths and some marks are
%% not known; `left', where it still has the request.
modules(#{deadline_ms := Millis, sort := Sort} = Spec) ->
    Until = now_ms() + Millis,
    {All, Unplaced} = placed(),
    Owners = owners(),
    {Found, Late} = in_state(owned(named(All, Spec), Owners, Spec), Until, Spec),
    Keys =
        case Sort of
            name -> [{Module, Module} || {Module, _} <- Found];
            application -> [{maps:get(Module, Owners, undefined), Module} || {Module, _} <- Found]
        end,
    {Page, _} = page(Keys, Spec),
    {Sticky, Unsaid} = sticky([Module || {_, Module} <- Page]),
    Paths = maps:from_list(Found),
    Read = fun({_, Module}) ->
        Path = map_get(Module, Paths),
        #{
            name => Module,
            application => maps:get(Module, Owners, undefined),
            path => path(Path),
            marks => [sticky || lists:member(Module, Sticky)] ++ marks(Module, Path) ++
                [State || #{state := State} <- [Spec], is_on_disk(State)]
        }
    end,
    listed(Keys, Read, Spec, {length(All), lists:usort(Unplaced ++ Late ++ Unsaid)}).

%% @doc One module, found by the first of `names' that one has: a packed map; with the file that it was loaded from.
%% Incomplete: as for `modules'; then how it is to its file is `unknown'.
module(#{names := Names}) ->
    case loaded(Names) of
        undefined ->
            absent(Names);
        Module ->
            Compiled = erlang:get_module_info(Module, compile),
            Attributes = erlang:get_module_info(Module, attributes),
            {Path, Unplaced} = where(Module),
            {Sticky, Unsaid} = sticky([Module]),
            Exports = erlang:get_module_info(Module, exports),
            packed((disk(Module, Path))#{
                name => Module,
                application => maps:get(Module, owners(), undefined),
                path => path(Path),
                marks => [sticky || Sticky =/= []] ++ marks(Module, Path),
                incomplete => lists:usort(Unplaced ++ Unsaid),
                md5 => erlang:get_module_info(Module, md5),
                exports => length(Exports),
                functions => length(erlang:get_module_info(Module, functions)),
                version => cut(proplists:get_value(vsn, Attributes), ?SMALL),
                behaviours => proplists:append_values(behaviour, Attributes) ++
                    proplists:append_values(behavior, Attributes),
                attributes => [{Key, cut(Value, ?SMALL)} || {Key, Value} <- Attributes, is_other(Key)],
                compiler => proplists:get_value(version, Compiled),
                options => cut(proplists:get_value(options, Compiled, []), ?SMALL),
                source => proplists:get_value(source, Compiled)
            })
    end.

%% @doc Which processes run old code of a module, so that they are killed when that is purged: how many do, the first
%% `limit' of them, and how many told it of how many there are (`seen', `total').
%%
%% A process looks at its own stack for that and at nothing else: this takes it some microseconds, whatever its heap, and
%% it may not collect garbage (`allow_gc'). None is waited for: who is busy answers when it is next scheduled.
runners(#{names := Names, limit := Limit, deadline_ms := Millis}) ->
    case loaded(Names) of
        undefined ->
            absent(Names);
        Module ->
            Pids = lists:delete(self(), erlang:processes()),
            Until = now_ms() + Millis,
            {Asked, Silent, Told} = ask(lists:sublist(Pids, ?ASKED), Module, Until, {0, 0, []}),
            Running = [Pid || {true, Pid} <- Told],
            packed(#{
                total => length(Pids),
                seen => Asked - Silent - length(Told) + length(Running),
                running => length(Running),
                pids => lists:sublist(lists:sort(Running), Limit)
            })
    end.

%% How many processes were asked, how many of them have not answered, and what others said than `false'.
ask(Pids, Module, Until, {Asked, Open, Told}) ->
    case Pids =/= [] andalso now_ms() < Until of
        true ->
            Chunk = lists:sublist(Pids, ?CHUNK),
            [erlang:check_process_code(Pid, Module, [{async, Pid}, {allow_gc, false}]) || Pid <- Chunk],
            {Left, More} = answers(?CHUNK, Until, Open + length(Chunk), Told),
            ask(lists:nthtail(length(Chunk), Pids), Module, Until, {Asked + length(Chunk), Left, More});
        false ->
            {Silent, All} = answers(0, Until, Open, Told),
            {Asked, Silent, All}
    end.

%% Takes answers until no more than so many are open.
answers(Most, _, Open, Told) when Open =< Most ->
    {Open, Told};
answers(Most, Until, Open, Told) ->
    receive
        {check_process_code, _, false} -> answers(Most, Until, Open - 1, Told);
        {check_process_code, Pid, Result} -> answers(Most, Until, Open - 1, [{Result, Pid} | Told])
    after max(0, Until - now_ms()) -> {Open, Told}
    end.

is_other(Key) -> not lists:member(Key, [vsn, behaviour, behavior]).

%% @doc A page of the functions of a module: exported ones, or with `all' the local ones, too. Sorted by `name' or `arity'.
%% Filters: `name', a part in any case; `arity'.
functions(#{names := Names, all := All, sort := Sort} = Spec) ->
    case loaded(Names) of
        undefined ->
            absent(Names);
        Module ->
            Exports = maps:from_list([{Function, true} || Function <- erlang:get_module_info(Module, exports)]),
            Functions =
                case All of
                    true -> erlang:get_module_info(Module, functions);
                    false -> maps:keys(Exports)
                end,
            Read = fun(Key) ->
                {Name, Arity} = Function = turned(Sort, Key),
                #{module => Module, name => Name, arity => Arity, exported => is_map_key(Function, Exports)}
            end,
            Found = of_arity(named(Functions, Spec), Spec),
            listed([turned(Sort, Function) || Function <- Found], Read, Spec, {length(Functions), []})
    end.

%% `{Name, Arity}' as the key that it is sorted by, and back.
turned(name, Key) -> Key;
turned(arity, {First, Second}) -> {Second, First}.

of_arity(Functions, #{arity := Wanted}) -> [Function || {_, Arity} = Function <- Functions, Arity =:= Wanted];
of_arity(Functions, _) -> Functions.

%% @doc What the files of a module hold, as bytes: of the file that it was loaded from those of `chunks' that are there
%% (documentation also from its own file, where OTP up to 26 has it), and with `source' the source, wherever that is. `functions' are the arities of the functions called `function', and
%% `similar' the names of others where there is none.
files(#{names := Names, chunks := Wanted, source := WantsSource} = Spec) ->
    case loaded(Names) of
        undefined ->
            absent(Names);
        Module ->
            {Path, Unplaced} = where(Module),
            Functions = erlang:get_module_info(Module, functions),
            Called = maps:get(function, Spec, none),
            Arities = [Arity || {Name, Arity} <- Functions, atom_to_binary(Name, utf8) =:= Called],
            packed(
                maps:merge(chunks(Module, Path, Wanted), #{
                    name => Module,
                    path => path(Path),
                    incomplete => Unplaced,
                    arities => Arities,
                    similar => [Name || Arities =:= [], {Name, _} <- lists:sublist(Functions, ?NAMES)],
                    source => first_file([File || WantsSource, File <- sources(Module, Path)])
                })
            )
    end.

%% @doc `[{Module, Digest, Application}]' of the modules that are loaded; the application is `undefined' where it is not
%% known. Filters as for `modules'.
digests(Spec) ->
    Owners = owners(),
    Found = owned(named(unplaced(), Spec), Owners, Spec),
    {Modules, _} = lists:unzip(lists:sublist(Found, ?DIGESTS)),
    Count = length(Modules),
    Applications = lists:zipwith3(
        fun maps:get/3, Modules, lists:duplicate(Count, Owners), lists:duplicate(Count, undefined)
    ),
    packed(#{
        digests => lists:zip3(Modules, lists:map(fun digest/1, Modules), Applications),
        incomplete => [limit || length(Found) > ?DIGESTS]
    }).

%% @doc `[{Module, Application, Version, Vsn}]' of those of `names' that are loaded: the version is that of the application.
versions(#{names := Names}) ->
    Owners = owners(),
    Found = [Module || Name <- Names, Module <- [loaded([Name])], Module =/= undefined],
    packed(#{versions => [version(Module, maps:get(Module, Owners, undefined)) || Module <- Found]}).

version(Module, Application) ->
    Version =
        case application:get_key(Application, vsn) of
            {ok, Text} -> Text;
            undefined -> undefined
        end,
    Attributes = erlang:get_module_info(Module, attributes),
    {Module, Application, Version, cut(proplists:get_value(vsn, Attributes), ?SMALL)}.

now_ms() -> erlang:monotonic_time(millisecond).

digest(Module) ->
    try
        erlang:get_module_info(Module, md5)
    catch
        error:badarg -> undefined
    end.

%% The applications that modules belong to.
owners() ->
    Loaded = [Application || {Application, _, _} <- application:loaded_applications()],
    maps:from_list(lists:append(lists:map(fun modules_of/1, Loaded))).

modules_of(Application) ->
    case application:get_key(Application, modules) of
        {ok, Modules} -> lists:zip(Modules, lists:duplicate(length(Modules), Application));
        undefined -> []
    end.

named(Rows, #{name := Part}) ->
    [Row || {Name, _} = Row <- Rows, contains(atom_to_binary(Name, utf8), Part)];
named(Rows, _) ->
    Rows.

owned(Rows, Owners, #{application := Name}) ->
    Application = existing(Name),
    [Row || {Module, _} = Row <- Rows, maps:get(Module, Owners, undefined) =:= Application];
owned(Rows, _, _) ->
    Rows.

%% Those in a state, and why some may be missing.
in_state(Rows, _, #{state := sticky}) ->
    {Modules, _} = lists:unzip(Rows),
    {Sticky, Unsaid} = sticky(Modules),
    Set = maps:from_list([{Module, true} || Module <- Sticky]),
    {[Row || {Module, _} = Row <- Rows, is_map_key(Module, Set)], Unsaid};
in_state(Rows, Until, #{state := State}) ->
    case is_on_disk(State) of
        true -> on_disk(Rows, Until, State, []);
        false -> {[Row || {Module, Path} = Row <- Rows, lists:member(State, marks(Module, Path))], []}
    end;
in_state(Rows, _, _) ->
    {Rows, []}.

is_on_disk(State) -> State =:= changed_on_disk orelse State =:= file_missing.

on_disk([], _, _, Found) ->
    {Found, []};
on_disk([{Module, Path} = Row | Rows], Until, State, Found) ->
    case now_ms() > Until of
        true -> {Found, [deadline]};
        false -> on_disk(Rows, Until, State, [Row || compared(Module, read(Path, ?LARGEST)) =:= State] ++ Found)
    end.

%% How a module is to its file.
compared(Module, {ok, Bytes, _}) ->
    Loaded = digest(Module),
    case beam_lib:md5(Bytes) of
        {ok, {_, Loaded}} -> same;
        {ok, _} -> changed_on_disk;
        _ -> unreadable
    end;
compared(_, {error, enoent}) ->
    file_missing;
compared(_, {error, none}) ->
    no_file;
compared(_, {error, _}) ->
    unreadable.

disk(_, unknown) ->
    #{on_disk => unknown};
disk(Module, Path) ->
    File = read(Path, ?LARGEST),
    Told = #{on_disk => compared(Module, File)},
    case File of
        {ok, Bytes, Modified} -> Told#{bytes => byte_size(Bytes), modified => Modified, held => held(Bytes)};
        _ -> Told
    end.

%% The names of the chunks of a beam, with their sizes.
held(Bytes) ->
    case beam_lib:info(Bytes) of
        Info when is_list(Info) -> [{Id, Size} || {Id, _, Size} <- proplists:get_value(chunks, Info, [])];
        _ -> []
    end.

chunks(_, unknown, _) ->
    #{on_disk => unknown, chunks => []};
chunks(Module, Path, Wanted) ->
    File = read(Path, ?LARGEST),
    Told = #{on_disk => compared(Module, File)},
    case File of
        {ok, Bytes, Modified} ->
            Chunks = [documented(Chunk, Module, Path) || Chunk <- content(Bytes, Wanted)],
            Told#{modified => Modified, chunks => Chunks};
        _ -> Told#{chunks => []}
    end.

content(Bytes, Wanted) ->
    case beam_lib:chunks(Bytes, Wanted, [allow_missing_chunks]) of
        {ok, {_, Chunks}} -> [told(Chunk) || Chunk <- Chunks];
        _ -> []
    end.

%% Documentation that is not in the beam stands in a file of an application, in the same form (EEP 48).
documented({"Docs", missing}, Module, Path) ->
    Home = filename:dirname(filename:dirname(Path)),
    case read(filename:join([Home, "doc", "chunks", lists:concat([Module, ".chunk"])]), ?TOLD) of
        {ok, Bytes, _} -> {"Docs", Bytes};
        {error, too_large} -> {"Docs", too_large};
        {error, _} -> {"Docs", missing}
    end;
documented(Chunk, _, _) ->
    Chunk.

told({Id, Chunk}) when is_binary(Chunk), byte_size(Chunk) =< ?TOLD -> {Id, Chunk};
told({Id, Chunk}) when is_binary(Chunk) -> {Id, too_large};
told({Id, _}) -> {Id, missing}.

%% The source as the compiler was given it, and where it stands in an application.
sources(Module, Path) ->
    case proplists:get_value(source, erlang:get_module_info(Module, compile)) of
        [_ | _] = Source when is_list(Path) ->
            Home = filename:dirname(filename:dirname(Path)),
            [Source, filename:join([Home, "src", filename:basename(Source)])];
        [_ | _] = Source ->
            [Source];
        _ ->
            []
    end.

%% The first that is there, as `#{path, bytes, modified}', or why there is none.
first_file([]) ->
    none;
first_file([Path | Paths]) ->
    case read(Path, ?TOLD) of
        {ok, Bytes, Modified} -> #{path => path(Path), bytes => Bytes, modified => Modified};
        {error, too_large} -> too_large;
        {error, _} -> first_file(Paths)
    end.

%% A regular file of no more than so many bytes, and when it was last written, in seconds.
read([_ | _] = Path, Most) ->
    case file:read_file_info(Path, [raw, {time, posix}]) of
        {ok, Info} when element(3, Info) =:= regular, element(2, Info) =< Most ->
            bytes(file:open(Path, [read, raw, binary]), element(2, Info), element(6, Info));
        {ok, Info} when element(3, Info) =:= regular ->
            {error, too_large};
        {ok, _} ->
            {error, eisdir};
        {error, Reason} ->
            {error, Reason}
    end;
read(_, _) ->
    {error, none}.

bytes({ok, File}, Size, Modified) ->
    Read = file:read(File, max(1, Size)),
    ok = file:close(File),
    case Read of
        {ok, Bytes} -> {ok, Bytes, Modified};
        eof -> {error, empty};
        Error -> Error
    end;
bytes(Error, _, _) ->
    Error.

%% `preloaded', `cover_compiled', a path, an empty one, or `unknown'; and why.
where(Module) ->
    case asked(fun() -> code:is_loaded(Module) end, unknown) of
        {{file, Path}, []} -> {Path, []};
        {false, []} -> {"", []};
        {unknown, Missing} -> {without_server(Module), Missing}
    end.

%% What only the code server knows, or something else and why.
asked(Ask, Else) -> told_by([whereis(code_server)], ?PATIENCE, Ask, {Else, code_server}).

%% `{Module, Path}' of all modules that are loaded, with paths as above, and why some are unknown.
placed() ->
    case asked(fun() -> code:all_loaded() end, none) of
        {none, Missing} -> {unplaced(), Missing};
        Told -> Told
    end.

%% The emulator also names those of which only old code is left.
unplaced() ->
    Loaded = lists:filter(fun erlang:module_loaded/1, erlang:loaded()) -- erlang:pre_loaded(),
    [{Module, preloaded} || Module <- erlang:pre_loaded()] ++ lists:zip(Loaded, lists:duplicate(length(Loaded), unknown)).

without_server(Module) ->
    case lists:member(Module, erlang:pre_loaded()) of
        true -> preloaded;
        false -> unknown
    end.

sticky([]) -> {[], []};
sticky(Modules) -> asked(fun() -> [Module || Module <- Modules, code:is_sticky(Module)] end, []).

path(Path) when is_atom(Path) -> undefined;
path([]) ->
    undefined;
path(Path) ->
    case unicode:characters_to_binary(Path) of
        Text when is_binary(Text) -> Text;
        _ -> undefined
    end.

marks(Module, Path) ->
    [Path || Path =:= preloaded orelse Path =:= cover_compiled] ++
        [old_code || erlang:check_old_code(Module)].

%% The first of the names that is an atom and a module that is loaded.
loaded([]) ->
    undefined;
loaded([Name | Names]) ->
    IsLoaded =
        try
            erlang:module_loaded(binary_to_existing_atom(Name, utf8))
        catch
            error:badarg -> false
        end,
    case IsLoaded of
        true -> binary_to_existing_atom(Name, utf8);
        false -> loaded(Names)
    end.

%% Where a module that is not loaded would be loaded from, as far as the code server tells the places and the loader of the
%% emulator what is there, and the names of others.
absent(Names) ->
    Files = [unicode:characters_to_list([Name, ".beam"]) || Name <- Names],
    Seek = fun() -> [code:where_is_file(File) || File <- Files, not lists:member($/, File)] end,
    Asked = [whereis(code_server), whereis(erl_prim_loader)],
    {Paths, Missing} = told_by(Asked, ?PATIENCE, Seek, {[], code_server}),
    Sought = lists:map(fun without_elixir/1, Names),
    Last = lists:last(string:split(hd(Sought), ".", all)),
    Similar = [Module || Module <- erlang:loaded(), is_like(atom_to_binary(Module, utf8), hd(Sought), Last)],
    packed(#{
        absent => hd([path(Path) || Path <- Paths, is_list(Path)] ++ [none]),
        incomplete => Missing,
        similar => lists:sublist(Similar, ?NAMES)
    }).

without_elixir(Name) ->
    case string:prefix(Name, "Elixir.") of
        nomatch -> Name;
        Rest -> Rest
    end.

%% A name that begins alike, or has the last part of what is sought in it.
is_like(Name, Sought, Last) ->
    string:prefix(without_elixir(Name), string:slice(Sought, 0, 2)) =/= nomatch orelse contains(Name, Last).
